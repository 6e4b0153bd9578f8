"""Semi-supervised methods, one a file, and their registry; `step` has what they share in a step.

A method says which unlabelled clips count, how much, and towards which target: `method.Method`
tells what it has to bring and what it may bring.
"""

from mer_jax.semi.fixmatch import FixMatch
from mer_jax.semi.flexmatch import FlexMatch
from mer_jax.semi.freematch import FreeMatch
from mer_jax.semi.method import Chosen, EpochStart, Method, Weak
from mer_jax.semi.pseudo_label import PseudoLabel
from mer_jax.semi.softmatch import SoftMatch

__all__ = ["METHODS", "Chosen", "EpochStart", "Method", "Weak"]

METHODS: dict[str, type[Method]] = {
    "fixmatch": FixMatch,
    "flexmatch": FlexMatch,
    "freematch": FreeMatch,
    "softmatch": SoftMatch,
    "pseudo_label": PseudoLabel,
}
