"""The loss of a labelled batch: the paper's (Eq. 6 to 8), and what a config changes of it."""

import functools
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from mer_jax.errors import InputError
from mer_jax.models.multitask import Output
from mer_jax.settings import AT_LEAST_0, BELOW_1, SHARE, Setting
from mer_jax.task import Task

_setting = functools.partial(Setting, part="train", traced=True)
# In the order in which the axes of a grid go; all are keys of config.train. At its default each is
# off: it is not compiled then, nor an entry of a trial.
OF_EMOTION = (
    _setting(
        "class_weight", 0.0, SHARE,
        "classes count by (clips / (classes x clips of the class)) to this power; 1: balanced",
    ),
    _setting(
        "logit_adjustment", 0.0, AT_LEAST_0,
        "so many times the logarithm of its share of train is added to a class's logit in the loss",
    ),
    _setting("focal_gamma", 0.0, AT_LEAST_0, "focal loss: (1 - probability of the class) to this"),
    _setting("label_smoothing", 0.0, BELOW_1, "share of the target that all classes divide"),
)  # fmt: skip
OF_VALENCE = (
    _setting(
        "huber_delta", 0.0, AT_LEAST_0, "error beyond which the loss is no longer squared; 0: never"
    ),
    _setting("ccc_share", 0.0, SHARE, "share of 1 - CCC, over the batch, in the valence's loss"),
)
OF_BOTH = (
    _setting("valence_weight", 1.0, AT_LEAST_0, "of the valence's loss beside the emotion's"),
    Setting(
        "uncertainty_weights", False, part="train",
        doc="whether both tasks' weights are learnt from their uncertainty",
    ),
)  # fmt: skip
OF_EITHER = (
    _setting(
        "mixup_alpha", 0.0, AT_LEAST_0,
        "mixup: clips and their targets mixed by a share of Beta(this, this); 0: off",
    ),
)  # fmt: skip
SETTINGS = (*OF_EMOTION, *OF_VALENCE, *OF_BOTH, *OF_EITHER)
UNCERTAINTY = "uncertainty_weights"
MIXUP = "mixup_alpha"
_COUNTED = ("class_weight", "logit_adjustment")  # those that need the classes' clips
_SMALLEST = 1e-8  # keeps a quotient of variances finite where all are 0


class Objective(NamedTuple):
    """What is other than the paper's in the loss of a run; by default nothing."""

    settings: Mapping[str, Any] = {}  # those that are on, by name
    class_count: Float[Array, "C"] | None = None  # labelled clips of each class that train the run
    log_variance: Float[Array, "2"] | None = None  # learnt: of emotion and valence
    halves: tuple[float, ...] = ()  # of a task with targets: half the width of each one's range


PLAIN = Objective()


def switched_on(trial: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a trial that change its loss, by name."""
    return {s.name: trial[s.key] for s in SETTINGS if trial.get(s.key, s.default) != s.default}


def unused(trial: Mapping[str, Any]) -> set[str]:
    """The keys of a trial that are off."""
    return {s.key for s in SETTINGS if trial[s.key] == s.default}


def check(names: Iterable[str], task: Task) -> None:
    """Refuses what changes the loss of a half that is not predicted."""
    for needed, settings in (
        (bool(task.classes), OF_EMOTION),
        (bool(task.valence_range), OF_VALENCE),
        (bool(task.classes and task.valence_range), OF_BOTH),
    ):
        for setting in settings:
            if setting.name in names and not needed:
                alone = "emotion" if task.classes else "valence"
                raise InputError(f"config.{setting.key}: {alone} alone is predicted; leave it out")


def needs_counts(names: Iterable[str]) -> bool:
    """Whether any of these settings needs `Objective.class_count`."""
    return not set(_COUNTED).isdisjoint(names)


def class_count(
    emotion: Int[Array, "N"], weight: Float[Array, "N"], classes: int
) -> Float[Array, "C"]:
    """How many clips each class has, `weight` being 0 for those that do not count."""
    return (weight[:, None] * jax.nn.one_hot(emotion, classes)).sum(0)


def cross_entropy(
    logits: Float[Array, "B C"], emotion: Int[Array, "B"], weight: Float[Array, "B"]
) -> Float[Array, ""]:
    """Eq. 6 averaged over the batch's weight; 0 where nothing counts."""
    loss_B = optax.softmax_cross_entropy_with_integer_labels(logits, emotion)
    return (weight * loss_B).sum() / jnp.maximum(weight.sum(), 1)


def squared_error(
    predicted: Float[Array, "B"], valence: Float[Array, "B"], weight: Float[Array, "B"]
) -> Float[Array, ""]:
    """Eq. 7 averaged over the batch's weight; 0 where nothing counts."""
    return (weight * (predicted - valence) ** 2).sum() / jnp.maximum(weight.sum(), 1)


def emotion_loss(
    logits: Float[Array, "B C"],
    emotion: Int[Array, "B"],
    weight: Float[Array, "B"],
    objective: Objective = PLAIN,
) -> Float[Array, ""]:
    """Cross-entropy, as the objective has it; the paper's where it says nothing of it.

    The logits of a class are raised by `logit_adjustment` times the logarithm of its share (Menon
    et al., ICLR 2021, Eq. 10). Weights of classes and smoothed labels are PyTorch's: the mean is
    over the weights of the clips' own classes, and a smoothed label counts by the weight of each
    class. The focal factor (Lin et al., ICCV 2017, Eq. 4) is that of the clip's own class.
    """
    on, count_C = objective.settings, objective.class_count
    if not {setting.name for setting in OF_EMOTION} & on.keys():
        return cross_entropy(logits, emotion, weight)
    weight_C = jnp.ones(logits.shape[1])
    if count_C is not None:
        seen_C = jnp.maximum(count_C, 1)  # a class that the fold lacks counts as one clip's
        share_C = seen_C / seen_C.sum()
        weight_C = (1 / (len(seen_C) * share_C)) ** on.get("class_weight", 0.0)
        logits = logits + on.get("logit_adjustment", 0.0) * jnp.log(share_C)[None, :]
    log_BxC = jax.nn.log_softmax(logits)
    own_B = jnp.take_along_axis(log_BxC, emotion[:, None], 1)[:, 0]
    own_weight_B = weight_C[emotion]
    smoothing = on.get("label_smoothing", 0.0)
    loss_B = -(1 - smoothing) * own_weight_B * own_B
    loss_B -= smoothing * (weight_C[None, :] * log_BxC).mean(1)
    if "focal_gamma" in on:
        # Its derivative at a probability of 1 is not finite for a gamma below 1.
        loss_B *= jnp.maximum(-jnp.expm1(own_B), _SMALLEST) ** on["focal_gamma"]
    total = (weight * own_weight_B).sum()
    return (weight * loss_B).sum() / jnp.where(total > 0, total, 1)


def valence_loss(
    predicted: Float[Array, "B"],
    valence: Float[Array, "B"],
    weight: Float[Array, "B"],
    objective: Objective = PLAIN,
) -> Float[Array, ""]:
    """The valence's loss, as the objective has it; the squared error where it says nothing of it.

    Within `huber_delta` the squared error, beyond it delta (2 |error| - delta): twice Huber's loss
    (1964), as PyTorch has it. Of it and of 1 - CCC (Lin, 1989), taken over the batch, the mean by
    `ccc_share`.
    """
    on = objective.settings
    if "huber_delta" in on:
        delta, size_B = on["huber_delta"], jnp.abs(predicted - valence)
        beyond_B = delta * (2 * size_B - delta)
        loss_B = jnp.where(size_B <= delta, size_B**2, beyond_B)
        loss = (weight * loss_B).sum() / jnp.maximum(weight.sum(), 1)
    else:
        loss = squared_error(predicted, valence, weight)
    if "ccc_share" in on:
        disagreement = jnp.where(weight.sum() > 0, 1 - _ccc(predicted, valence, weight), 0)
        loss = (1 - on["ccc_share"]) * loss + on["ccc_share"] * disagreement
    return on["valence_weight"] * loss if "valence_weight" in on else loss


def targets_loss(
    predicted: Float[Array, "B V"],
    true: Float[Array, "B V"],
    weight: Float[Array, "B V"],
    objective: Objective,
) -> Float[Array, ""]:
    """The mean over targets of each one's `valence_loss`, in units of half its range.

    So each target counts alike, whatever its unit and however many of the clips have it.
    """
    of_one = functools.partial(valence_loss, objective=objective)
    ours, theirs = (_over_halves(x, objective.halves) for x in (predicted, true))
    each_V = jax.vmap(of_one, in_axes=1)(ours, theirs, weight)
    return each_V.mean()


def _ccc(
    predicted: Float[Array, "B"], valence: Float[Array, "B"], weight: Float[Array, "B"]
) -> Float[Array, ""]:
    """The concordance correlation coefficient of a batch, 0 where nothing varies."""
    share_B = weight / jnp.maximum(weight.sum(), 1)
    mean_p, mean_v = (share_B * predicted).sum(), (share_B * valence).sum()
    of_p_B, of_v_B = predicted - mean_p, valence - mean_v
    variances = (share_B * (of_p_B**2 + of_v_B**2)).sum() + (mean_p - mean_v) ** 2
    return 2 * (share_B * of_p_B * of_v_B).sum() / (variances + _SMALLEST)


def supervised(
    output: Output,
    labels: Any,
    row_weight: Float[Array, "B"],
    settings: dict,
    objective: Objective = PLAIN,
) -> Float[Array, ""]:
    """Eq. 8: the unweighted sum of both, plus the model's own losses by their weights.

    `labels` has the fields of `mer_jax.data.arrays.Labels`; a row counts for a head if it is not
    padding and has that label. `settings` are the traced settings of the model. With variances that
    are learnt the sum is that of Kendall et al. (CVPR 2018, Eq. 7 and 10): emotion / s + log(s) / 2
    plus valence / (2 s') + log(s') / 2, s and s' being the variances. Targets are in the valence's
    place.
    """
    loss, logs = jnp.zeros(()), objective.log_variance
    if output.emotion is not None:
        counted = row_weight * labels.emotion_mask
        of_emotion = emotion_loss(output.emotion, labels.emotion, counted, objective)
        loss += of_emotion if logs is None else jnp.exp(-logs[0]) * of_emotion + logs[0] / 2
    if output.valence is not None:
        if objective.halves:
            counted, loss_of = row_weight[:, None] * labels.valence_mask, targets_loss
        else:
            counted, loss_of = row_weight * labels.valence_mask, valence_loss
        of_valence = loss_of(output.valence, labels.valence, counted, objective)
        loss += of_valence if logs is None else (jnp.exp(-logs[1]) * of_valence + logs[1]) / 2
    return loss + own(output.aux, settings)


def in_halves(output: Output, halves: tuple[float, ...]) -> Output:
    """An output with its targets in units of half their ranges, as their loss has them."""
    if not halves:
        return output
    return output._replace(valence=_over_halves(output.valence, halves))


def _over_halves(x: Float[Array, "B V"], halves: tuple[float, ...]) -> Float[Array, "B V"]:
    return x / jnp.array(halves, jnp.float32)[None, :]


def own(aux: dict[str, Float[Array, ""]], settings: dict) -> Float[Array, ""]:
    """The sum of a model's own losses, each by its traced setting `<name>_weight`.

    One without such a setting is weighted already, by a setting of another name.
    """
    return sum((settings.get(f"{name}_weight", 1.0) * x for name, x in aux.items()), jnp.zeros(()))
