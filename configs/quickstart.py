"""The main job in a minute: the synthetic corpus, few epochs, a small grid."""

from configs import synthetic


def get_config():
    """Needs no data."""
    config = synthetic.get_config()
    config.data.tfds_dir = "runs/datasets"
    config.model.hidden = 128
    config.train.learning_rate = (1e-3, 1e-4)
    config.train.epochs = 30
    return config
