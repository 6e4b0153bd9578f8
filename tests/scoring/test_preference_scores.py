"""Preferences read from free text, and what exchanging the two descriptions tells."""

import pytest

from mer_jax import scoring as public
from mer_jax.scoring import preference
from tests.support import scoring

READ = {
    "a1": "a1",
    "A2 fits better than a1.": "a2",
    "I would say a1, not a2": "a1",
    "They are the same; a1 is longer.": "same",
    "neither": None,
    "": None,
}


@pytest.mark.parametrize("text", READ)
def test_what_comes_first_counts(text):
    assert preference.read_answer(text) == (READ[text] or "same", READ[text] is not None)


def test_two_classes_leave_out_same_and_three_do_not():
    labels = ["a1", "a1", "a2", "a2", "same", "same"]
    found = public.score_preference(labels, ["a1", "same", "a2", "hm", "same", "a1"])
    # Two: a1 a1 a2 a2 answered a1 a1 a2 a1; F1 is 2 * 2 / 5 and 2 * 1 / 3, weighted alike.
    assert found.two.scores()["accuracy"] == 0.75
    assert found.two.scores()["weighted_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found.three.scores()["accuracy"] == 0.5
    assert found.unnamed == 1


def test_answers_to_exchanged_descriptions(tmp_path):
    # The second prefers its place; the others say the same both times.
    first, second = ["a1", "a1", "same", "a2"], ["a2", "a1", "same", "a1"]
    found = public.compare_swapped(first, second)
    assert found == (0.75, 4 / 6, 4)
    assert public.compare_swapped(["same"], ["same"]) == (1, None, 1)
    labels = scoring.write_csv(
        tmp_path / "l.csv", ["name", "preference"], [[n, "a1"] for n in "abcd"]
    )
    paths = [
        scoring.write_csv(
            tmp_path / f"{i}.csv", ["name", "response"], list(zip("abcd", of, strict=True))
        )
        for i, of in enumerate((first, second))
    ]
    scoring.run("--mode=score_preference", f"--labels={labels}", f"--responses={paths[0]}",
                f"--swap={paths[1]}", "--resamples=0", f"--out={tmp_path / 'out'}")  # fmt: skip
    assert scoring.scores(tmp_path / "out")["swap"] == {
        "consistency": 0.75, "bias": 4 / 6, "clips": 4,
    }  # fmt: skip
