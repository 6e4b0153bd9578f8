"""Scores have intervals, and two runs are compared clip by clip."""

import json
import re
import shutil

import pytest

from mer_jax.errors import InputError
from mer_jax.modes import compare, evaluate
from tests.support.trainings import (
    SPLITS,
    config_of,
    results_of,
    rows_of,
    scores_of,
    true_labels,
)


def test_scores_have_intervals_and_runs_are_compared(
    trained, config, root, tfds_dir, tmp_path, capsys
):
    for split in SPLITS:
        score = results_of(trained)["ensemble"][split]["dis"]
        low, high = results_of(trained)["interval"][split]["dis"]
        assert low < score < high
    workdir, other = tmp_path / "copy", tmp_path / "other"
    shutil.copytree(trained, workdir)
    shutil.copytree(trained, other)
    without = config_of(root, tfds_dir, evaluate__bootstrap=0)
    evaluate.evaluate(without, workdir, None)
    assert results_of(workdir)["interval"] == {}
    with pytest.raises(InputError, match="bootstrap above 0"):
        compare.compare(without, workdir, other, None)

    path = other / "predictions" / "mer_multi.csv"
    path.write_text(re.sub(",[a-z]+,", ",happy,", path.read_text().replace("discrete", "DISCRETE"))
                    .replace("DISCRETE", "discrete"))  # fmt: skip
    capsys.readouterr()
    compare.compare(config, workdir, other, None)
    found = json.loads((workdir / "compare.json").read_text())
    assert found["clips"]["mer_semi"] == {"all": 10, "emotion": 10, "valence": 0}
    found = found["splits"]
    labels = true_labels(root)["mer_multi"]
    ours = scores_of(rows_of(workdir / "predictions" / "mer_multi.csv"), labels)
    theirs = scores_of(rows_of(path), labels)
    assert found["mer_multi"]["dis"]["difference"] == pytest.approx(
        ours["dis"] - theirs["dis"], abs=1e-6
    )
    assert found["mer_noise"]["com"] == {
        "difference": 0, "interval": [0, 0], "not_better": 1
    }  # fmt: skip
    assert found["mer_semi"]["dim"] is None
    assert found["train_out_of_fold"]["com"]["difference"] == 0
    out = capsys.readouterr().out
    assert "not better" in out
    assert "mer_noise 11, mer_semi 10 (emotion) and 0 (valence) of 10." in out

    validated = other / "predictions" / "train_out_of_fold.csv"
    rows = rows_of(validated)
    text = validated.read_text().replace("discrete", "DISCRETE")
    text = re.sub(",[a-z]+,", ",happy,", text).replace("DISCRETE", "discrete")
    validated.write_text(text)
    compare.compare(config, workdir, other, None)
    found = json.loads((workdir / "compare.json").read_text())
    true = true_labels(root)["train"]
    expected = scores_of(rows, true)["dis"] - scores_of(rows_of(validated), true)["dis"]
    of = found["splits"]["train_out_of_fold"]["dis"]
    assert of["difference"] == pytest.approx(expected, abs=1e-6)
    assert found["clips"]["train_out_of_fold"]["all"] == 60
    validated.write_text(text.rstrip().rpartition("\n")[0] + "\n")
    compare.compare(config, workdir, other, None)
    found = json.loads((workdir / "compare.json").read_text())
    assert "train_out_of_fold" not in found["splits"], "of other clips"

    path.write_text(path.read_text().rpartition("\n")[0].rpartition("\n")[0] + "\n")
    with pytest.raises(InputError, match="only predictions of the same clips can be compared"):
        compare.compare(config, workdir, other, None)
