"""MER-SEMI: the paper's features for it (HL + MR), trained on the labelled clips and the pool."""

from configs import base


def get_config():
    """Needs --config.data.root. Supervised on the same features: --config.semi.method=""."""
    config = base.get_config()
    config.data.corpus = "mer2023"
    config.features.audio = "chinese-hubert-large-UTT"
    config.features.video = "manet_UTT"
    config.semi.method = "pseudo_label"
    return config
