"""CMU-MOSI with the utterance features published for Poria et al. 2017: the full protocol."""

from configs import base


def get_config():
    """Needs --config.data.root."""
    config = base.get_config()
    config.data.corpus = "cmumosi"
    config.features.audio = "opensmile-UTT"
    config.features.text = "textcnn-UTT"
    config.features.video = "conv3d-UTT"
    return config
