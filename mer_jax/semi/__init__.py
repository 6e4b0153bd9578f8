"""Semi-supervised methods, one a file, and their registry; `step` has what they share in a step.

A method says which unlabelled clips count, how much, and towards which target: `method.Method`
tells what it has to bring and what it may bring.
"""

from typing import Any

from mer_jax.data import views
from mer_jax.semi.fixmatch import FixMatch
from mer_jax.semi.flexmatch import FlexMatch
from mer_jax.semi.freematch import FreeMatch
from mer_jax.semi.graph import NEIGHBOURS, Graph
from mer_jax.semi.method import LOSS_SETTINGS, VIEW_SETTINGS, Chosen, EpochStart, Method, Weak
from mer_jax.semi.pseudo_label import PseudoLabel
from mer_jax.semi.softmatch import SoftMatch
from mer_jax.settings import Registry, Setting

__all__ = [
    "AUTO",
    "METHODS",
    "TRIED",
    "Chosen",
    "EpochStart",
    "Method",
    "Weak",
    "moves_to_neighbours",
    "settings",
    "settings_of",
]

METHODS = Registry(
    "method",
    ("semi",),
    {
        "fixmatch": FixMatch,
        "flexmatch": FlexMatch,
        "freematch": FreeMatch,
        "softmatch": SoftMatch,
        "pseudo_label": PseudoLabel,
        "graph": Graph,
    },
)


AUTO = "auto"  # as config.semi.method: a method if cross-validation says that it helps
# The trials that it stands for, the simplest first. FixMatch, FlexMatch and SoftMatch are of one
# idea with FreeMatch, which was at least as good wherever they were measured.
TRIED = ("", "graph", "pseudo_label", "freematch")


def settings() -> dict[str, Setting]:
    """Every key of `config.semi` but `method`, in the order of the grid's axes."""
    first, last = ({s.key: s for s in part} for part in (LOSS_SETTINGS, VIEW_SETTINGS))
    return {**first, **METHODS.settings(), **last}


def settings_of(trial: dict[str, Any]) -> tuple[Setting, ...]:
    """The settings that a trial's method and views read beside those of all methods."""
    own = METHODS[trial["semi.method"]].SETTINGS
    if NEIGHBOURS not in own and moves_to_neighbours(trial):
        own = (NEIGHBOURS, *own)
    return own


def moves_to_neighbours(trial: dict[str, Any]) -> bool:
    """Whether a trial sees unlabelled clips moved towards their neighbours."""
    seen = (s.key for s in VIEW_SETTINGS if s.kind is views.KIND and s.key in trial)
    return views.takes_neighbours(*(views.parse(trial[key], f"config.{key}") for key in seen))
