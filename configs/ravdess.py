"""RAVDESS's speech with features by --mode=extract: eight emotions, speakers as groups."""

from configs import base


def get_config():
    """Needs --config.data.root, a folder with clips.csv, by whose speakers folds are drawn."""
    config = base.get_config()
    config.data.corpus = "table"
    config.data.standardise = "group"
    config.features.audio = "eGeMAPS_UTT"
    config.model.fusion = "unimodal"
    return config
