"""The report of stored answers, and comparisons of two systems, on data made here."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from mer_jax import resampling
from mer_jax.modes import flags as flags_lib
from mer_jax.scoring.wheel import Wheels, score_wheels
from tests.support import scoring

ANSWERS = [["x", "happy", "happy,sad"], ["y", "sad", "odd"], ["z", "sad", "sad,happy"],
           ["w", "happy", "sad"]]  # fmt: skip


@pytest.fixture
def answers(tmp_path):
    """Flags of four answers, one of them outside the candidates."""
    path = scoring.write_csv(tmp_path / "answers.csv", ["name", "gt", "gpt4v"], ANSWERS)
    return ["--mode=score_responses", f"--responses={path}", "--candidates=happy,sad",
            "--resamples=50"]  # fmt: skip


def test_the_report_shows_scores_and_the_confusion_matrix(tmp_path, answers, capsys):
    scoring.run(*answers, f"--out={tmp_path / 'out'}", f"--against={tmp_path / 'answers.csv'}")
    files = [path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.*")]
    assert {str(path) for path in files} == set(flags_lib.OUT_REPORT.writes_in)
    text = (tmp_path / "out" / "report.md").read_text()
    alt = (
        "Confusion matrix of answers: 2 of 4 clips on the diagonal. Most often confused: happy "
        "predicted as sad, 1 clips."
    )
    assert f"![{alt}](figures/confusion.png)" in text
    assert "| answers | 50.00 | 58.33 | 50.00 | 58.33 | 4 |" in text
    assert "| happy | 50.00 | 2 |" in text
    assert "| difference | +0.00 | +0.00 | +0.00 | +0.00 |" in text
    page = (tmp_path / "out" / "report.html").read_text()
    assert f'<img alt="{alt}" src="data:image/png;base64,' in page
    with Image.open(tmp_path / "out" / "figures" / "confusion.png") as image:
        assert image.size == (720, 585)
    said = capsys.readouterr().out
    assert f"Report: {tmp_path / 'out' / 'report.html'}" in said
    assert re.search(r"happy +50 +50 +0 +2\nsad +0 +50 +50 +2\n", said)
    assert "true" not in "".join(scoring.scores(tmp_path / "out")["notes"])


def test_matplotlib_is_loaded_for_the_report_alone_and_jax_never(tmp_path, answers):
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print([name in sys.modules for name in ('matplotlib', 'jax')]))\n"
        "from mer_jax import main\nmain.main()"
    )
    for out, loaded in (([], "[False, False]"), ([f"--out={tmp_path / 'out'}"], "[True, False]")):
        command = [sys.executable, "-c", code, *answers, *out]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stdout.endswith(f"{loaded}\n")


def test_two_systems_are_compared_at_every_level_of_the_wheels(tmp_path, capsys):
    rows = {
        "labels": [["a", "['happy', 'glad']"], ["b", "['sad']"], ["c", "['calm']"]],
        "ours": [["a", "['glad']"], ["b", "['gloomy']"], ["c", "['happy']"]],
        "theirs": [["a", "['happy']"], ["b", "['happy']"], ["c", "['calm', 'sad']"]],
    }
    for name, of in rows.items():
        scoring.write_csv(tmp_path / f"{name}.csv", ["name", "openset"], of)
    wheel = scoring.write_json(tmp_path / "wheel.json", scoring.WHEEL)
    scoring.run("--mode=score_open", f"--labels={tmp_path / 'labels.csv'}", f"--wheel={wheel}",
                f"--predictions={tmp_path / 'ours.csv'}", f"--against={tmp_path / 'theirs.csv'}",
                "--resamples=40", "--seed=3", f"--out={tmp_path / 'out'}")  # fmt: skip
    found = scoring.scores(tmp_path / "out")["comparison"]
    assert list(found["levels"]) == ["level1", "level2", "mean of both levels"]
    assert found["scores"] == found["levels"]["level1"]
    lists = [[eval(cell) for _, cell in of] for of in rows.values()]
    drawn = {}
    for level in ("level1", "level2"):
        pair = [score_wheels(lists[0], of, Wheels(**scoring.WHEEL), level) for of in lists[1:]]
        f1 = [of.scores()["f1"] for of in pair]
        assert found["levels"][level]["f1"]["difference"] == pytest.approx(f1[0] - f1[1])
        each = [resampling.scores(of.statistic, 3, 40, 3)["f1"] for of in pair]
        drawn[level] = each[0] - each[1]
    assert drawn["level1"] != pytest.approx(drawn["level2"], nan_ok=True)
    mean = found["levels"]["mean of both levels"]["f1"]
    parts = [found["levels"][level]["f1"]["difference"] for level in drawn]
    assert mean["difference"] == pytest.approx(np.mean(parts))
    both = (drawn["level1"] + drawn["level2"]) / 2
    assert mean["interval"] == pytest.approx(
        np.percentile(both[np.isfinite(both)], (2.5, 97.5)).tolist()
    )
    said = capsys.readouterr().out
    assert "difference, level2" in said
    assert "difference, mean of both levels" in said


def test_maps_of_ones_own_have_a_digest_and_no_version(tmp_path):
    labels = scoring.write_csv(tmp_path / "l.csv", ["name", "openset"], [["a", "['happy']"]])
    digests = []
    turned = {**scoring.WHEEL, "forms": dict(reversed(scoring.WHEEL["forms"].items()))}
    fewer = {**scoring.WHEEL, "synonyms": {"happy": ["joyful"]}}
    for number, content in enumerate((scoring.WHEEL, turned, fewer)):
        wheel = scoring.write_json(tmp_path / f"{number}.json", content)
        scoring.run("--mode=score_open", f"--labels={labels}", f"--predictions={labels}",
                    f"--wheel={wheel}", "--resamples=0", f"--out={tmp_path / 'out'}")  # fmt: skip
        found = scoring.scores(tmp_path / "out")
        assert found["rule_version"] == 1
        assert found["maps"]["version"] is None
        digests.append(found["maps"]["sha256"])
    assert digests[0] == digests[1] != digests[2]
