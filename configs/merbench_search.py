"""MERBench's random search of a fusion: `--config=configs/merbench_search.py:tfn`."""

from configs import base

# As model-tune.yaml of MERBench and MER 2024 lists them; of keys without a list the default holds.
_DROPOUTS = (0.2, 0.3, 0.4, 0.5)
_WEIGHTS = (0.0, 0.1, 0.2)
_CLIPPED = (0.6, 0.8, 1.0)
SPACES = {
    "attention_merbench": {"model.hidden": (64, 128, 256), "train.dropout": _DROPOUTS},
    "lf_dnn": {"model.hidden": (64, 128, 256), "train.dropout": _DROPOUTS},
    "lmf": {
        "model.hidden": (32, 64, 128, 256),
        "train.dropout": _DROPOUTS,
        "model.rank": (3, 4, 5, 6),
    },
    "tfn": {"model.hidden": (64, 128), "train.dropout": _DROPOUTS},
    "misa": {
        "model.hidden": (64, 128, 256),
        "train.dropout": _DROPOUTS,
        "train.clip_value": (0.0, 0.8, 1.0),  # 0: none
        "model.sim_weight": _WEIGHTS,
        "model.diff_weight": _WEIGHTS,
        "model.recon_weight": _WEIGHTS,
    },
    "mmim": {
        "model.hidden": (64, 128, 256),
        "train.dropout": (0.0, 0.1, 0.2, 0.3),
        "train.clip_value": _CLIPPED,
        "model.cpc_layers": (1, 2, 3, 4),
        "model.alpha": _WEIGHTS,
        "model.beta": _WEIGHTS,
    },
}


def get_config(fusion="attention_merbench"):
    """Needs --config.data.corpus, --config.data.root and feature sets."""
    if fusion not in SPACES:
        raise ValueError(f"no search space of {fusion!r}; one of: {', '.join(SPACES)}")
    config = base.get_config()
    config.model.fusion = fusion
    config.train.learning_rate = (1e-3, 1e-4)
    config.update_from_flattened_dict(SPACES[fusion])
    config.repeats = 1
    config.search.trials = 50
    config.search.repeats = 6
    return config
