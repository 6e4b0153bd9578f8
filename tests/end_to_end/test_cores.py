"""Cores of a CPU as devices: chosen by what is trained, recorded, and taken again elsewhere."""

import json
import os
import shutil

import numpy as np
import pytest

from tests.support import user_folder
from tests.support.trainings import results_of

NAMES = [f"clip_{i:02d}" for i in range(24)]
SETTINGS = (
    "--config=base", "--config.features.audio=tones-FRA", "--config.features.text=words-FRA",
    "--config.model.fusion=ef_lstm", "--config.model.hidden=4", "--config.train.epochs=2",
    "--config.train.learning_rate=1e-2", "--config.train.dropout=0.1", "--config.folds=2",
    "--config.repeats=1", "--config.report=False", "--config.evaluate.bootstrap=0",
)  # fmt: skip


@pytest.fixture
def train(command_line, tmp_path):
    """Trains in a workdir on so many cores, whatever the suite's own variables say of devices."""
    rng = np.random.default_rng(0)
    root = tmp_path / "user"
    user_folder.write_labels(root, {"train_corpus": user_folder.labelled(NAMES)})
    for feature_set in ("tones-FRA", "words-FRA"):
        clips = {name: rng.normal(size=(3, 4)).astype(np.float32) for name in NAMES}
        user_folder.write_features(root, feature_set, clips)
    places = [f"--config.data.root={root}", f"--config.data.tfds_dir={tmp_path / 'tfds'}"]

    flags = [flag for flag in os.environ["XLA_FLAGS"].split() if "device_count" not in flag]

    def run(workdir, cores, *more):
        done = command_line(
            *(more or (*SETTINGS, *places)), f"--workdir={workdir}",
            prefix=("taskset", "--cpu-list", cores),
            environment={"XLA_FLAGS": " ".join(flags)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads((workdir / "config.json").read_text()), done.stderr

    return run


def test_models_of_frames_share_out_the_cores_and_others_take_over_how_many(train, tmp_path):
    if shutil.which("taskset") is None:
        pytest.skip("no taskset here")
    record, told = train(tmp_path / "two", "0,1")
    assert (record["devices"], record["chunk"], record["device"]["count"]) == (2, [2], 1)
    assert "runs of a chunk are on 2 cores" in told
    repeated, _ = train(tmp_path / "again", "0", f"--config_json={tmp_path / 'two/config.json'}")
    assert repeated["devices"] == 2
    assert results_of(tmp_path / "again") == results_of(tmp_path / "two")
