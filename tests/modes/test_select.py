"""The unlabelled clips of which a model is sure."""

import csv

from mer_jax.corpora import MER2023
from mer_jax.modes import select
from tests.support.trainings import (
    rows_of,
)


def test_select_writes_those_that_pass(trained, config, tmp_path):
    everything = config.copy_and_resolve_references()
    everything.select.eta = 0.0
    select.select(everything, trained, tmp_path / "select.csv")
    rows = rows_of(tmp_path / "select.csv")
    with (trained / "predictions" / "mer_semi.csv").open() as file:
        assert not rows.keys() & {row["name"] for row in csv.DictReader(file)}
    assert rows
    thresholds = {}
    for row in rows.values():
        assert float(row["confidence"]) > float(row["threshold"])
        assert row["discrete"] in MER2023.task.classes
        thresholds.setdefault(row["discrete"], row["threshold"])
        assert thresholds[row["discrete"]] == row["threshold"]
    everything.select.eta = 1.0
    select.select(everything, trained, tmp_path / "fewer.csv")
    assert rows_of(tmp_path / "fewer.csv").keys() <= rows.keys()
