"""What must hold of the open-vocabulary and the wheel scores, whatever the words."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mer_jax import scoring as public
from mer_jax.scoring import confusion, constant, open_vocabulary, wheel
from mer_jax.scoring.open_vocabulary import overlap
from mer_jax.scoring.wheel import Wheels
from tests.support import scoring

quickly = settings(max_examples=80, deadline=None, derandomize=True, database=None)
LETTERS = "abcdef"
word = st.sampled_from(LETTERS)
words = st.lists(word, max_size=5)
some = st.lists(word, min_size=1, max_size=5)


@st.composite
def partitions(draw):
    """Groups in which every letter stands once."""
    numbers = draw(st.lists(st.integers(0, 3), min_size=6, max_size=6))
    groups = [[w for w, n in zip(LETTERS, numbers, strict=True) if n == k] for k in range(4)]
    return [group for group in groups if group]


@quickly
@given(some, partitions())
def test_predictions_equal_to_labels_score_1(labels, groups):
    assert overlap(labels, labels, groups)[2:] == (1, 1)


@quickly
@given(some, some)
def test_one_group_of_all_words_scores_1(labels, predicted):
    assert overlap(labels, predicted, [list(LETTERS)])[2:] == (1, 1)


@quickly
@given(some, words, partitions())
def test_a_prediction_outside_all_groups_never_raises_accuracy(labels, predicted, groups):
    before = overlap(labels, predicted, groups)
    after = overlap(labels, [*predicted, "outside"], groups)
    assert after.accuracy <= before.accuracy
    if predicted:
        assert after.recall == before.recall


@quickly
@given(some, words, partitions(), st.data())
def test_joining_groups_lowers_recall_only_where_both_are_found(labels, predicted, groups, data):
    """It lowers recall exactly where labels and predictions are in both and others are missed."""
    assume(len(groups) > 1)
    i, j = sorted(data.draw(st.permutations(range(len(groups))))[:2])
    rest = [group for k, group in enumerate(groups) if k not in (i, j)]
    before = overlap(labels, predicted, groups)
    after = overlap(labels, predicted, [*rest, groups[i] + groups[j]])
    both_found = all(groups[k][0] in before.labels & before.predicted for k in (i, j))
    assert (after.recall < before.recall) == (both_found and before.recall < 1)


def test_joining_two_groups_can_lower_recall():
    """Two of three labels are found; joined, they are one of two."""
    labels, predicted = ["a", "b", "c"], ["a", "b"]
    assert overlap(labels, predicted, [["a"], ["b"], ["c"]]).recall == 2 / 3
    assert overlap(labels, predicted, [["a", "b"], ["c"]]).recall == 1 / 2


WHEELS = Wheels(**scoring.WHEEL)
wheel_word = st.sampled_from([*sorted(scoring.WHEEL["forms"]), "unheard"])
clips = st.lists(
    st.tuples(st.lists(wheel_word, max_size=4), st.lists(wheel_word, max_size=4)),
    min_size=1,
    max_size=5,
)


@quickly
@given(clips)
def test_a_wheel_scores_1_for_the_labels_wherever_one_has_a_sector(of):
    labels = [pair[0] for pair in of]
    found = wheel.score_wheels(labels, labels, WHEELS)
    for on, scores in zip(found.wheels.values(), found.by_wheel().values(), strict=True):
        if on.counted.any():
            assert scores == {"f1": 1, "precision": 1, "recall": 1}
        else:
            assert all(math.isnan(value) for value in scores.values())


@quickly
@given(clips, st.sampled_from(sorted(scoring.WHEEL["wheels"])), st.data())
def test_another_word_of_the_same_sector_changes_no_score_of_that_wheel(of, name, data):
    labels, predictions = ([list(pair[k]) for pair in of] for k in (0, 1))
    level = data.draw(st.sampled_from(wheel.LEVELS))
    before = wheel.score_wheels(labels, predictions, WHEELS, level).by_wheel()[name]

    def other(old):
        sector = WHEELS.sector(old, name, level)
        same = [w for w in scoring.WHEEL["forms"] if WHEELS.sector(w, name, level) == sector]
        return data.draw(st.sampled_from([*same, old]))

    changed = [[list(map(other, each)) for each in side] for side in (labels, predictions)]
    after = wheel.score_wheels(*changed, WHEELS, level).by_wheel()[name]
    np.testing.assert_equal(after, before)


def reference_f1(labels, predictions, name, level):
    """F1 of one wheel in plain Python, from the description."""
    precision, recall = [], []
    for g, p in zip(labels, predictions, strict=True):
        g, p = ({WHEELS.sector(w, name, level) for w in side} - {None} for side in (g, p))  # noqa: PLW2901
        if g:
            precision.append(len(g & p) / len(p) if p else 0)
            recall.append(len(g & p) / len(g))
    if not precision:
        return float("nan")
    a, b = np.mean(precision), np.mean(recall)
    return 2 * a * b / (a + b) if a + b else 0.0


@quickly
@given(clips, st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_scores_of_resamples_are_those_of_the_clips_they_hold(of, counts):
    counts = counts[: len(of)]
    assume(sum(counts))
    drawn = [pair for pair, count in zip(of, counts, strict=True) for _ in range(count)]
    whole = wheel.score_wheels(*map(list, zip(*of, strict=True)), WHEELS)
    f1 = whole.statistic(np.array([counts], float))["f1"][0]
    wanted = [reference_f1(*zip(*drawn, strict=True), name, "level1") for name in WHEELS]
    assert f1 == pytest.approx(np.mean(wanted), nan_ok=True)


@quickly
@given(clips, clips)
def test_the_constant_list_is_at_least_as_good_as_the_best_single_word(of, _):
    labels = [pair[0] for pair in of]
    assume(all(labels))
    best = constant.constant_for_sets(labels)
    single = max(
        open_vocabulary.score_sets(labels, [[w]] * len(labels)).average
        for w in {w for each in labels for w in each}
    )
    found = open_vocabulary.score_sets(labels, [best] * len(labels)).average
    assert found >= single - 1e-12


def test_words_that_become_one_add_no_length_to_the_constant_list():
    # In three of four clips a and b are one word: there both together are as precise as a alone.
    labels, groups = [["a", "b"], ["a"], ["a"], ["a"]], [[], *[[["a", "b"]]] * 3]
    assert constant.constant_for_sets(labels, groups) == ("a", "b")


def test_the_worked_example_of_the_package():
    labels = [["happy", "relaxed"], ["worried"]]
    predictions = [["glad"], ["anxious", "sad"]]
    groups = [[["happy", "glad"]], [["worried", "anxious"]]]
    scores = public.score_sets(labels, predictions, groups).scores()
    assert scores == {"accuracy": 0.75, "recall": 0.75, "average": 0.75}
    assert set(public.__all__) <= set(dir(public))
    for name in public.__all__:
        assert callable(getattr(public, name)), name


def test_hit_rates_by_hand():
    labels = [["happy"], ["sad"], ["table"]]
    predictions = [["glad", "gloomy"], ["calm"], ["happy"]]
    # wheel1: joy in {joy, grief} of {joy, grief}: 1, 1/2; grief in {joy}: 0, 0; table has none.
    # wheel2: up in {up, down}, glad means content first, which is not on it, then joyful: 1, 1/2;
    # down in {} of {up, down}: 0, 0.
    found = wheel.hit_rates(labels, predictions, WHEELS).scores()
    assert found == {"hit_rate": 0.5, "hit_share": 0.25}


def test_a_predicted_sector_that_no_label_has_lowers_no_hit_share():
    found = wheel.hit_rates([["happy"], ["glad"]], [["happy", "sad"], ["sad"]], WHEELS)
    # wheel1: 1 hit of joy among {joy}; none. wheel2: the same with up.
    assert found.scores() == {"hit_rate": 0.5, "hit_share": 0.5}


def test_a_class_without_clips_in_a_resample_counts_in_no_mean():
    pairs = confusion.pairs_of(["a", "b", "a"], ["a", "a", "b"])
    found = pairs.statistic(np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]))
    assert found["uar"].tolist() == [0.5, 0.5]
    assert found["macro_f1"] == pytest.approx([2 / 3, 1 / 3])
