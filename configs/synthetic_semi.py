"""A tenth of the synthetic corpus's labels and the rest as the pool: what unlabelled clips give."""

from configs import synthetic


def get_config():
    """Needs no data. The supervised comparison: --config.semi.method="" on the same labels."""
    config = synthetic.get_config()
    config.data.labelled_fraction = 0.1
    config.data.standardise = True
    config.repeats = 5
    config.model.hidden = 128
    config.train.learning_rate = 1e-3
    config.train.epochs = 200
    config.semi.method = "pseudo_label"
    config.semi.strong = "noise 1.0, feature_dropout 0.5, modality_dropout 0.5"
    return config
