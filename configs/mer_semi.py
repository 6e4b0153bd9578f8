"""MER-SEMI: the paper's features for it (HL + MR), the pool used as cross-validation says."""

from configs import base


def get_config():
    """Needs --config.data.root. Supervised on the same features: --config.semi.method=""."""
    config = base.get_config()
    config.data.corpus = "mer2023"
    config.features.audio = "chinese-hubert-large-UTT"
    config.features.video = "manet_UTT"
    config.semi.method = "auto"
    return config
