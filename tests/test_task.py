"""What follows from a task."""

import dataclasses

import pytest

from mer_jax import metrics
from mer_jax.task import Task


@pytest.mark.parametrize(
    ("task", "selection", "sign"),
    [
        (Task(("negative", "positive"), (-3.0, 3.0)), "com", 1),
        (Task(("anger", "joy")), "dis", 1),
        (Task(valence_range=(-1.0, 1.0)), "dim", -1),
    ],
)
def test_what_chooses_epochs_follows_from_the_task(task, selection, sign):
    assert (task.selection, metrics.selection_sign(task)) == (selection, sign)
    by_error = dataclasses.replace(task, selected_by="mae")
    assert (by_error.selection, metrics.selection_sign(by_error)) == ("mae", -1)
