"""MELD with sentence embeddings of its transcripts: emotions alone, one modality."""

from configs import base


def get_config():
    """Needs --config.data.root."""
    config = base.get_config()
    config.data.corpus = "meld"
    config.features.text = "minilm-UTT"
    config.model.fusion = "unimodal"
    return config
