"""The rules by which stored answers are judged, on cases that can be done on paper."""

import pytest

from mer_jax.scoring import responses
from mer_jax.scoring.responses import score_responses


def test_the_label_among_the_first_answers():
    labels, answers = ["a", "b", "c"], ["a,b,c", "A, B ,c", ["a", "b"]]
    found = score_responses(labels, answers, ["a", "b", "c"])
    assert found.top_k() == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert score_responses(["anger"], ["fear"], ["fear"], "polarity").top_k() == []


def test_drop_leaves_out_what_is_outside_and_counts_what_is_missing():
    found = score_responses(["a", "b", "a"], ["a", "zzz", None], ["a", "b"], "drop")
    assert [clip.left_out for clip in found.clips] == ["", "outside the candidates", ""]
    assert found.scores()["accuracy"] == 0.5
    kept = score_responses(["a", "b", "a"], ["a", "zzz", None], ["a", "b"], "wrong")
    assert kept.scores()["accuracy"] == pytest.approx(1 / 3)
    assert found.outside == kept.outside == 2


def test_polarity():
    labels, answers = ["Anger", "awe", "positive", "sad"], ["fear", "zzz", "content", None]
    found = score_responses(labels, answers, ["fear", "content"], "polarity")
    assert [clip.predicted for clip in found.clips] == [
        "negative", responses.OUTSIDE, "positive", responses.OUTSIDE,
    ]  # fmt: skip
    assert found.scores()["accuracy"] == 0.5
    assert found.uniform() == 0.5


def test_sign():
    labels, answers = ["0", "1.2", "-3", "-0.5"], ["positive", "weakly positive", "neutral", None]
    found = score_responses(labels, answers, ["positive", "neutral"], "sign")
    assert [clip.left_out for clip in found.clips] == ["its label is 0", "", "", ""]
    # positive: F1 1 of one clip; negative: one of two clips, nothing else called so: F1 2/3.
    assert found.scores()["weighted_f1"] == pytest.approx((1 + 2 * 2 / 3) / 3)


def test_aliases_and_labels_that_no_answer_can_be():
    labels, answers = ["surprise", "happy"], ["surprised", "happy"]
    found = score_responses(labels, answers, ["surprised", "happy"])
    assert found.impossible() == {"surprise": 1}
    assert found.scores()["accuracy"] == 0.5
    one = score_responses(
        labels, answers, ["surprised", "happy"], "wrong", {"Surprised": "surprise"}
    )
    assert one.impossible() == {}
    assert one.scores()["accuracy"] == 1
    assert one.majority() == ("happy", pytest.approx(
        {"accuracy": 0.5, "weighted_f1": 1 / 3, "uar": 0.5, "macro_f1": 1 / 3}
    ))  # fmt: skip
