"""MISA on utterance vectors, with defaults that train on a small corpus."""

from configs import base

# What a search draws from beside the learning rate: the lists of MERBench's model-tune.yaml.
SEARCH = {
    "model.hidden": (64, 128, 256),
    "train.dropout": (0.2, 0.3, 0.4, 0.5),
    "train.clip_value": (0.0, 0.8, 1.0),  # 0: none
    "model.sim_weight": (0.0, 0.1, 0.2),
    "model.diff_weight": (0.0, 0.1, 0.2),
    "model.recon_weight": (0.0, 0.1, 0.2),
}


def get_config():
    """Needs --config.data.corpus, --config.data.root and feature sets."""
    config = base.get_config()
    config.data.standardise = True
    config.model.fusion = "misa"
    config.model.hidden = 128
    config.train.learning_rate = 1e-4
    config.train.dropout = 0.3
    return config
