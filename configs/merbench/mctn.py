"""MCTN on frames, with defaults that train on a small corpus."""

from configs import base

# What a search draws from beside the learning rate: the lists of MERBench's model-tune.yaml,
# without teacher_forcing_ratio, which has no effect in the release.
SEARCH = {
    "model.hidden": (64, 128, 256),
    "train.dropout": (0.0, 0.1, 0.2, 0.3),
    "train.clip_value": (0.6, 0.8, 1.0),
    "model.loss_weight": (0.1, 0.3, 0.5, 0.8, 1.0),
}


def get_config():
    """Needs --config.data.corpus, --config.data.root and feature sets."""
    config = base.get_config()
    config.data.standardise = True
    config.frames.scale = 6  # MERBench's, of aligned frames
    config.model.fusion = "mctn"
    config.model.hidden = 64
    config.train.learning_rate = 1e-3
    config.train.dropout = 0.5
    config.train.epochs = 20
    return config
