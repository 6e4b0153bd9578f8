"""MERBench's random search of a fusion: `--config=configs/merbench_search.py:tfn`."""

import pathlib
import runpy

from configs import base

FUSIONS = (
    "attention_merbench",
    "attention_topn",
    "lf_dnn",
    "lmf",
    "tfn",
    "misa",
    "mmim",
    "ef_lstm",
    "mfn",
    "graph_mfn",
    "mfm",
    "mult",
    "mctn",
)
ON_FRAMES = ("ef_lstm", "mfn", "graph_mfn", "mfm", "mult", "mctn")
SCALE = 6  # frames that the release averages into one before it aligns audio and video to the text


def get_config(fusion="attention_merbench"):
    """Needs --config.data.corpus, --config.data.root and feature sets."""
    if fusion not in FUSIONS:
        raise ValueError(f"no search space of {fusion!r}; one of: {', '.join(FUSIONS)}")
    config = base.get_config()
    config.model.fusion = fusion
    config.train.learning_rate = (1e-3, 1e-4)
    lists = runpy.run_path(str(pathlib.Path(__file__).parent / "merbench" / f"{fusion}.py"))[
        "SEARCH"
    ]
    config.update_from_flattened_dict(lists)
    if fusion in ON_FRAMES:
        config.frames.align = "text"
        config.frames.scale = SCALE
    config.repeats = 1
    config.search.trials = 50
    config.search.repeats = 6
    return config
