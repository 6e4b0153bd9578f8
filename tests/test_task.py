"""What follows from a task."""

import pytest

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
    assert (task.selection, task.selection_sign) == (selection, sign)
