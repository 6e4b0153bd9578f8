"""MER-SEMI: the paper's best supervised baseline for it (HL + MR); its pool is not trained on."""

from configs import base


def get_config():
    """Needs --config.data.root."""
    config = base.get_config()
    config.data.corpus = "mer2023"
    config.features.audio = "chinese-hubert-large-UTT"
    config.features.video = "manet_UTT"
    return config
