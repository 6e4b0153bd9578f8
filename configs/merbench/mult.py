"""MulT on frames, with defaults that train on a small corpus."""

from configs import base

# What a search draws from beside the learning rate: the lists of MERBench's model-tune.yaml.
SEARCH = {
    "model.hidden": (64, 128, 256),
    "train.dropout": (0.0, 0.1, 0.2, 0.3),
    "train.clip_value": (0.6, 0.8, 1.0),
    "model.num_layers": (2, 4, 6),
    "model.kernel_size": (1, 3),
}


def get_config():
    """Needs --config.data.corpus, --config.data.root and feature sets."""
    config = base.get_config()
    config.data.standardise = True
    config.frames.scale = 6  # MERBench's
    config.model.fusion = "mult"
    config.model.hidden = 64
    config.train.learning_rate = 1e-3
    config.train.dropout = 0.0  # its layer norms follow dropout: with .3, CMU-MOSI's MAE is .911
    config.train.epochs = 8
    return config
