"""Scores without training: open vocabulary, emotion wheels, stored answers, annotation, ADD 2023.

The functions take plain lists, a clip each, and need neither JAX nor a config:

    >>> from mer_jax import scoring
    >>> labels = [["happy", "relaxed"], ["worried"]]
    >>> predictions = [["glad"], ["anxious", "sad"]]
    >>> groups = [[["happy", "glad"]], [["worried", "anxious"]]]
    >>> scoring.score_sets(labels, predictions, groups).scores()
    {'accuracy': 0.75, 'recall': 0.75, 'average': 0.75}

The first clip's one prediction is right and finds one of two labels, the second's finds its label
and one of two predictions is right. docs/scoring.md has an example of each function.
"""

import importlib

# By name: the module that has it. Loaded when asked for, so that --help needs no NumPy.
_WHERE = {
    "annotate": "annotation",
    "benchmark": "benchmarks",
    "compare_swapped": "preference",
    "constant_for_sets": "constant",
    "constant_for_wheels": "constant",
    "equal_error_rate": "deepfake",
    "fleiss_kappa": "agreement",
    "hit_rates": "wheel",
    "read_groups": "lists",
    "read_list": "lists",
    "read_wheels": "wheel_files",
    "score_preference": "preference",
    "score_recognition": "deepfake",
    "score_regions": "deepfake",
    "score_responses": "responses",
    "score_sets": "open_vocabulary",
    "score_wheels": "wheel",
    "Rules": "annotation",
    "Utterance": "deepfake",
    "Wheels": "wheel",
}
__all__ = sorted(_WHERE)  # noqa: PLE0605  the names are the table's


def __getattr__(name: str):
    """The function or class called `name`."""
    if name in _WHERE:
        return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, *globals()]
