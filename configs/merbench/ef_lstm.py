"""Early fusion by an LSTM on frames, with defaults that train on a small corpus."""

from configs import base

# What a search draws from beside the learning rate: the lists of MER 2024's model-tune.yaml.
SEARCH = {
    "model.hidden": (128, 256, 512, 1024),
    "train.dropout": (0.2, 0.3, 0.4, 0.5),
    "model.num_layers": (2, 3, 4),
}


def get_config():
    """Needs --config.data.corpus, --config.data.root and feature sets."""
    config = base.get_config()
    config.data.standardise = True
    config.frames.scale = 6  # MERBench's, of aligned frames
    config.model.fusion = "ef_lstm"
    config.model.hidden = 64
    config.train.learning_rate = 1e-3
    config.train.dropout = 0.5
    config.train.epochs = 20
    return config
