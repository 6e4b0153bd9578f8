"""RAVDESS's speech, features by --mode=extract: eight emotions, each speaker by his own clips."""

from configs import base


def get_config():
    """Needs --config.data.root, the folder with clips.csv, whose speakers fold by fold validate."""
    config = base.get_config()
    config.data.corpus = "table"
    config.data.standardise = "group"
    config.features.audio = "eGeMAPS_UTT"
    config.model.fusion = "unimodal"
    return config
