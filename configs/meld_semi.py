"""A tenth of MELD's labels and the rest of train as the pool, on sentence embeddings."""

from configs import meld


def get_config():
    """Needs --config.data.root. The supervised comparison: --config.semi.method=""."""
    config = meld.get_config()
    config.data.labelled_fraction = 0.1
    config.model.hidden = 256
    config.train.learning_rate = 1e-3
    config.train.epochs = 40
    config.semi.method = "fixmatch"
    config.semi.strong = "noise 0.5, feature_dropout 0.3"
    return config
