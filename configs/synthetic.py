"""The full protocol on the synthetic corpus; its scores say nothing about the challenge."""

from configs import base


def get_config():
    """Needs no data: the corpus is written where its dataset is built."""
    config = base.get_config()
    config.data.corpus = "synthetic"
    config.features.audio = "synthetic-audio-UTT"
    config.features.text = "synthetic-text-UTT"
    config.features.video = "synthetic-video-UTT"
    return config
