"""MER-NOISE: the feature sets that the paper found best on corrupted clips (HL + RL + RF)."""

from configs import base


def get_config():
    """Needs --config.data.root; the corrupted clips are the split mer_noise of the same corpus."""
    config = base.get_config()
    config.data.corpus = "mer2023"
    config.features.audio = "chinese-hubert-large-UTT"
    config.features.text = "chinese-roberta-wwm-ext-large-4-UTT"
    config.features.video = "resnet50face_UTT"
    return config
