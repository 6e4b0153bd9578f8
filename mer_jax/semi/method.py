"""What a semi-supervised method is: its settings, its state, and which clips it lets count.

Letters: U unlabelled clips of a step, C classes, P clips of the pool, N labelled clips, E clips of
the pool in an epoch. Nothing here carries a gradient but a method's extra loss.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mer_jax.data import views
from mer_jax.data.views import View
from mer_jax.settings import AT_LEAST_0, AT_LEAST_1, BELOW_1, SHARE, Setting

setting = functools.partial(Setting, part="semi")
traced_setting = functools.partial(setting, traced=True)
# Of all methods, in the order of the grid's axes; a method's own ones come between the two halves.
LOSS_SETTINGS = (
    setting("mu", 7, AT_LEAST_1, "unlabelled clips for each labelled one in a batch"),
    traced_setting("weight", 1.0, AT_LEAST_0, "lambda_u of the unlabelled loss"),
    traced_setting("valence_weight", 1.0, AT_LEAST_0, "of the valence's part in it; 0: none"),
    traced_setting(
        "warmup", 10, AT_LEAST_0, "epochs over which both weights rise from 0; the papers: 0"
    ),
)
VIEW_SETTINGS = (
    setting("weak", "noise 0.1", doc="the view that gives the target", kind=views.KIND),
    setting(
        "strong",
        "noise 0.5, feature_dropout 0.3, modality_dropout 0.3",
        doc="The view that is trained towards that target.",
        kind=views.KIND,
    ),
    traced_setting(
        "ema", 0.999, BELOW_1, "largest decay of the averaged weights, which are evaluated"
    ),
)
SHARED = (*LOSS_SETTINGS, *VIEW_SETTINGS)
# Of several methods: declared once, so one key serves them.
THRESHOLD = traced_setting("threshold", 0.95, SHARE, "tau: fixmatch, flexmatch")
MOMENTUM = traced_setting(
    "momentum",
    0.99,
    SHARE,
    "Of the running averages of freematch and softmatch. The papers: 0.999, over a million steps; "
    "runs here have a few thousand.",
)


@dataclasses.dataclass(frozen=True)
class Semi:
    """What a semi-supervised method changes in a compiled program."""

    method: str  # a name in mer_jax/semi/__init__.py
    mu: int
    weak: View
    strong: View
    settings: tuple[tuple[str, Any], ...] = ()  # the method's static ones


class Weak(NamedTuple):
    """What a method sees of a step."""

    probability: Float[Array, "U C"]  # of the weak view
    clip: Int[Array, "U"]  # number in the pool
    spread: Float[Array, "U C"] | None = None  # what labels spread to them; None: no method asks


class Chosen(NamedTuple):
    """What a method makes of it."""

    weight: Float[Array, "U"]  # of each clip in the loss, 0 for those left out
    threshold: Float[Array, "C"]  # by class, for the log
    state: Any
    target: Float[Array, "U C"] | None = None  # None: the weak view's likeliest class


class Validated(NamedTuple):
    """The run's validation rows as they are predicted: clips that its weights have not seen."""

    probability: Float[Array, "N C"]
    emotion: Int[Array, "N"]
    weight: Float[Array, "N"]  # 0 for padding and where the emotion is not known


class EpochStart(NamedTuple):
    """What a method may ask for at the beginning of an epoch; what it does not call costs nothing.

    Both predict by the weights that give a step's weak view its probabilities, not their average.
    """

    validated: Callable[[], Validated]
    pool_probability: Callable[[], Float[Array, "E C"]]  # of the epoch's own clips


class Method:
    """A semi-supervised method: functions of a state that each run carries from step to step.

    SETTINGS are the keys of `config.semi` that it reads beside those of all methods (SHARED). They
    reach it in `settings`: the traced ones as scalars, the static ones as they are.
    """

    SETTINGS: ClassVar[tuple[Setting, ...]] = ()
    SPREADS: ClassVar[bool] = False  # whether it sees what labels spread to a clip
    VALIDATES: ClassVar[bool] = False  # whether it sees the validation clips' labels

    @staticmethod
    def init(classes: int, own: Bool[Array, "P"]) -> Any:
        """Makes the state before the first step; `own` are the clips that the run may draw."""
        del classes, own
        return ()

    @staticmethod
    def each_epoch(state: Any, epoch: EpochStart, settings: dict[str, Any]) -> Any:
        """Gives the state that an epoch begins with."""
        del epoch, settings
        return state

    @staticmethod
    def choose(state: Any, weak: Weak, settings: dict[str, Any]) -> Chosen:
        """Chooses among a step's clips and gives the state after the step."""
        raise NotImplementedError

    @staticmethod
    def extra_loss(
        chosen: Chosen, strong_logits: Float[Array, "U C"], settings: dict[str, Any]
    ) -> Float[Array, ""] | float:
        """Gives a loss beside the consistency of the views; the only gradient of a method."""
        del chosen, strong_logits, settings
        return 0.0


def confidence(weak: Weak) -> tuple[Float[Array, "U"], Int[Array, "U"]]:
    """The largest probability of each clip and its class."""
    return weak.probability.max(-1), weak.probability.argmax(-1).astype(jnp.int32)


def mask(weak: Weak, threshold_C: Float[Array, "C"]) -> Float[Array, "U"]:
    """1 for clips whose largest probability reaches the threshold of its class, else 0."""
    largest, predicted = confidence(weak)
    return (largest >= threshold_C[predicted]).astype(jnp.float32)


def moving_average(old: Array, new: Array, momentum: Array) -> Array:
    """`momentum * old + (1 - momentum) * new`."""
    return momentum * old + (1 - momentum) * new
