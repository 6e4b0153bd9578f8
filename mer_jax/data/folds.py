"""The division of clips into folds."""

from collections.abc import Sequence

import numpy as np

from mer_jax.errors import InputError, counted


def assign(
    names: Sequence[str], k: int, seed: int, repeat: int, groups: Sequence[str] | None = None
) -> np.ndarray:
    """The fold in which each clip validates, int [N] in 0..k-1, aligned with `names`.

    Random and unstratified, as in the release: k - 1 folds of N // k clips and a last one with the
    rest (3,373 into 674 x 4 + 677). With `groups`, one label for each clip, a group is never
    divided: in random order each goes to the smallest fold so far. Depends on the sorted names,
    `seed` and `repeat`, not on the order of `names`.

    Raises:
      InputError: fewer clips, or groups, than folds.
    """
    names = np.asarray(names)
    units = names if groups is None else np.asarray(groups)
    distinct, unit = np.unique(units, return_inverse=True)
    if groups is None:
        _check_enough(k, counted(len(distinct), "clip"), len(distinct))
    else:
        _check_enough(k, f"{counted(len(distinct), 'group')} of clips", len(distinct))
    order = np.random.default_rng((seed, repeat)).permutation(len(distinct))
    if groups is None:
        of_unit = np.empty(len(distinct), int)
        of_unit[order] = np.minimum(np.arange(len(distinct)) // (len(distinct) // k), k - 1)
        return of_unit[unit]
    sizes = np.bincount(unit)
    filled = np.zeros(k, int)
    of_unit = np.empty(len(distinct), int)
    for group in order:
        of_unit[group] = filled.argmin()
        filled[of_unit[group]] += sizes[group]
    return of_unit[unit]


def assign_by_class(
    names: Sequence[str], emotion: np.ndarray, k: int, seed: int, repeat: int
) -> np.ndarray:
    """As `assign`, with each class in as many folds as it can be: int [N] in 0..k-1.

    The clips, class after class in random order, are dealt to the folds in turn, so that folds and
    classes in folds differ by one clip at most. `emotion` holds class indices, any negative number
    for none (a class of its own).

    Raises:
      InputError: fewer clips than folds.
    """
    names, emotion = np.asarray(names), np.asarray(emotion)
    _check_enough(k, counted(len(names), "clip"), len(names))
    rng = np.random.default_rng((seed, repeat))
    shuffled = rng.permutation(np.argsort(names))
    classes = rng.permutation(np.unique(emotion))
    dealt = np.concatenate([shuffled[emotion[shuffled] == each] for each in classes])
    of = np.empty(len(names), int)
    of[dealt] = np.arange(len(names)) % k
    return of


def _check_enough(k: int, what: str, count: int) -> None:
    if count < k:
        raise InputError(f"config.folds={k}: only {what} to divide into folds")


def labelled(
    names: Sequence[str], emotion: np.ndarray, fraction: float, seed: int, repeat: int
) -> np.ndarray:
    """Draws the clips that keep their labels: a share of each class, anew for each repeat.

    A `fraction` above 1 is a number of clips of each class, or all where it has no more.

    bool [N], aligned with `names`. `emotion` holds class indices, any negative number for none
    (a class of its own). Every class keeps its rounded share, one clip at least. Depends on the
    sorted names, `seed` and `repeat`, not on the order of `names`.
    """
    names, emotion = np.asarray(names), np.asarray(emotion)
    keep = np.zeros(len(names), bool)
    by_name = np.argsort(names)
    rng = np.random.default_rng((seed, repeat, 1))  # `assign` draws from (seed, repeat)
    for value in np.unique(emotion):
        members = by_name[emotion[by_name] == value]
        count = fraction if fraction > 1 else max(1, round(fraction * len(members)))
        keep[rng.permutation(members)[: int(count)]] = True
    return keep


def labelled_of_each(
    names: Sequence[str], emotion: np.ndarray, count: int, seed: int, repeat: int
) -> np.ndarray:
    """Draws exactly `count` clips of each class, which keep their labels: bool [N].

    As `labelled` draws, but a clip without an emotion is of no class and keeps nothing.

    Raises:
      InputError: a class has fewer clips.
    """
    emotion = np.asarray(emotion)
    sizes = np.bincount(emotion[emotion >= 0])
    fewest = sizes[sizes > 0].min(initial=len(emotion))
    if fewest < count:
        raise InputError(
            f"config.data.labelled_per_class={count}: a class of train has only "
            f"{counted(fewest, 'clip')}"
        )
    keep = np.zeros(len(emotion), bool)
    by_name = np.argsort(np.asarray(names))
    rng = np.random.default_rng((seed, repeat, 1))  # `assign` draws from (seed, repeat)
    for value in np.flatnonzero(sizes):
        members = by_name[emotion[by_name] == value]
        keep[rng.permutation(members)[:count]] = True
    return keep


def of_others(
    hidden: np.ndarray, validation: np.ndarray, groups: Sequence[str] | None
) -> np.ndarray:
    """The rows of a run's pool: those of `hidden` that are of no group that it validates on.

    Else a method's gain out of fold would be that on speakers whose other clips were trained on,
    and new speakers would not see it. All where `groups`, those of all rows, is None. Where none is
    left a run keeps all: it must have a pool.
    """
    if groups is None:
        return hidden
    of = np.asarray(groups)
    others = hidden[~np.isin(of[hidden], of[validation])]
    return others if len(others) else hidden
