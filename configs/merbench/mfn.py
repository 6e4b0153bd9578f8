"""MFN on frames, with defaults that train on a small corpus."""

from configs import base

# What a search draws from beside the learning rate: the lists of MERBench's model-tune.yaml.
SEARCH = {
    "model.hidden": (128, 256),
    "train.dropout": (0.0, 0.3, 0.5, 0.7),
}


def get_config():
    """Needs --config.data.corpus, --config.data.root and feature sets."""
    config = base.get_config()
    config.data.standardise = True
    config.frames.scale = 6  # MERBench's, of aligned frames
    config.model.fusion = "mfn"
    config.model.hidden = 128
    config.train.learning_rate = 5e-4
    config.train.dropout = 0.5
    config.train.epochs = 20
    return config
