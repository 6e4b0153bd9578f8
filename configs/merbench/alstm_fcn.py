"""ALSTM-FCN on frames: LSTM-FCN with an attention over the LSTM's states."""

from configs import base


def get_config():
    """Needs --config.data.corpus, --config.data.root and feature sets."""
    config = base.get_config()
    config.data.standardise = True
    config.frames.scale = 3
    config.model.fusion = "alstm_fcn"
    config.model.hidden = 64
    config.train.learning_rate = 1e-3
    config.train.epochs = 20
    return config
