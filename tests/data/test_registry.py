"""What follows from a corpus's task, and how its names tell videos and dialogues apart."""

import pytest

from mer_jax.data import registry
from mer_jax.data.registry import Task
from mer_jax.errors import InputError


@pytest.mark.parametrize(
    ("task", "selection", "sign"),
    [
        (Task(("negative", "positive"), (-3.0, 3.0)), "com", 1),
        (Task(("anger", "joy")), "dis", 1),
        (Task(valence_range=(-1.0, 1.0)), "dim", -1),
    ],
)
def test_what_chooses_epochs_follows_from_the_task(task, selection, sign):
    assert (task.selection, task.selection_sign) == (selection, sign)


def test_splits_stand_in_the_order_of_reports():
    assert registry.MER2023.splits == ("train", "mer_multi", "mer_noise", "mer_semi", "unlabelled")
    assert registry.CMUMOSI.splits == registry.MELD.splits == ("train", "val", "test")


def test_names_tell_videos_and_dialogues():
    # YouTube's identifiers hold underscores of their own.
    assert registry.CMUMOSI.group("_dI--eQ6qVU_12") == "_dI--eQ6qVU"
    assert registry.MELD.group("dia12_utt3") == "dia12"
    assert registry.MER2023.group is None


def test_an_unknown_corpus_names_those_there_are():
    with pytest.raises(
        InputError, match=r"corpus 'iemocap'; one of: mer2023, cmumosi, meld, synthetic$"
    ):
        registry.corpus_info("iemocap")
