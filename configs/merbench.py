"""MERBench: its ten fusions on every corpus that --config.table.corpora names, as one table."""

from configs import base

ALGORITHMS = (
    "attention_merbench",
    "lmf",
    "tfn",
    "misa",
    "mmim",
    "mfn",
    "graph_mfn",
    "mfm",
    "mctn",
    "mult",
)


def get_config():
    """Needs --config.table.corpora and feature sets.

    Each fusion draws from the lists of configs/merbench_search.py; what an override or this file
    sets holds for all of them in place of their lists.
    """
    config = base.get_config()
    config.train.learning_rate = (1e-3, 1e-4)
    config.repeats = 1
    config.search.trials = 50
    config.search.repeats = 6
    config.table.algorithms = ALGORITHMS
    config.table.metrics = ("com", "dis", "sign_f1", "acc", "sign_acc", "dim")
    return config
