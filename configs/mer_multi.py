"""MER-MULTI: the paper's best features of Table 3 (HL + ML + RF), its grid and three repeats."""

from configs import base


def get_config():
    """Needs --config.data.root; any feature set can be replaced on the command line."""
    config = base.get_config()
    config.data.corpus = "mer2023"
    config.features.audio = "chinese-hubert-large-UTT"
    config.features.text = "chinese-macbert-large-4-UTT"
    config.features.video = "resnet50face_UTT"
    return config
