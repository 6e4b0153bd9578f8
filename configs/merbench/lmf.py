"""Low-rank fusion on utterance vectors, with defaults that train on a small corpus."""

from configs import base

# What a search draws from beside the learning rate: the lists of MERBench's model-tune.yaml.
SEARCH = {
    "model.hidden": (32, 64, 128, 256),
    "train.dropout": (0.2, 0.3, 0.4, 0.5),
    "model.rank": (3, 4, 5, 6),
}


def get_config():
    """Needs --config.data.corpus, --config.data.root and feature sets."""
    config = base.get_config()
    config.data.standardise = True
    config.model.fusion = "lmf"
    config.model.hidden = 64
    config.train.learning_rate = 1e-3
    config.train.dropout = 0.5
    return config
