"""Each corpus of --config.table.corpora trained, and tested on the others, by MERBench's search."""

from configs import merbench_search


def get_config(fusion="attention_merbench"):
    """Needs --config.table.corpora, with two corpora or more, and feature sets."""
    config = merbench_search.get_config(fusion)
    config.table.metrics = ("dis", "sign_f1", "acc", "sign_acc")
    return config
