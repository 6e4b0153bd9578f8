"""docs/own_data.md runs as printed, on a folder as it shows: no line of code is needed."""

import contextlib
import io
import pathlib
import re
import shlex
import shutil

import pytest

from tests.support import own_folder
from tests.support.scoring import run
from tests.support.trainings import results_of, rows_of

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "own_data.md"
COMMANDS = [
    shlex.split(command)
    for command in re.findall(
        r"^    python -m mer_jax\.main (.*)$",
        re.sub(r"\\\n\s*", "", PAGE.read_text(encoding="utf-8")),
        re.MULTILINE,
    )
]
SMALL = (
    "--config.train.epochs=12", "--config.train.learning_rate=0.01", "--config.model.hidden=8",
    "--config.repeats=1", "--config.evaluate.bootstrap=20",
)  # fmt: skip


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """The folder in which the page's commands ran, and what each printed by its mode."""
    folder = tmp_path_factory.mktemp("page")
    rows = own_folder.write(folder / "my_clips")
    shutil.copytree(folder / "my_clips" / "features", folder / "new_clips" / "features")
    later = "".join(f"{row[0]},7\n" for row in rows if row[5] == "test")
    (folder / "later.csv").write_text(f"name,openness\n{later}", encoding="utf-8")
    assert len(COMMANDS) == 5
    printed = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("TFDS_DATA_DIR", str(folder / "tfds"))
        for arguments in COMMANDS:
            modes = [a.removeprefix("--mode=") for a in arguments if a.startswith("--mode=")]
            (mode,) = modes or ["train"]
            with contextlib.redirect_stdout(io.StringIO()) as out:
                run(*arguments, *(SMALL if mode == "train" else ()), "--quiet")
            printed[mode] = out.getvalue()
    return folder, printed


def test_the_folder_is_as_the_page_shows_it(walked):
    lines = (walked[0] / "my_clips" / "clips.csv").read_text(encoding="utf-8").splitlines()
    shown = re.search(r"    (name,.*\n(    .*\n)+)", PAGE.read_text(encoding="utf-8")).group(1)
    assert [line.strip() for line in shown.splitlines()] == [*lines[:4], lines[37]]


def test_what_is_checked_is_as_the_page_shows_it(walked):
    text = PAGE.read_text(encoding="utf-8")
    (table,) = re.findall(r"    (  split  clips .*\n(?:    .*\n)+)", text)
    for line in table.splitlines():
        assert line[4:] in walked[1]["check"] or line.strip() in walked[1]["check"]
    command = walked[1]["check"].partition("To train on it:")[2].replace("\\\n", " ")
    told = {flag for flag in shlex.split(command)[3:] if not flag.startswith("--config.data.root=")}
    assert told <= set(COMMANDS[1]), "the command that is told is the one that the page gives"
    assert "--config.data.targets=openness,warmth" in told


def test_the_page_trains_predicts_and_scores(walked):
    folder, _ = walked
    workdir = folder / "runs" / "my_clips"
    rows = rows_of(workdir / "predictions" / "test.csv")
    assert list(next(iter(rows.values()))) == ["name", "discrete", *own_folder.TARGETS]
    assert {row["discrete"] for row in rows.values()} <= set(own_folder.CLASSES)
    assert set(rows_of(folder / "new_clips.csv")) == {row[0] for row in own_folder.rows()[0]}
    results = results_of(workdir)
    assert results["clips"]["test"]["targets"] == {"openness": 12, "warmth": 9}
    assert len(results["runs"]) == 3
    page = (workdir / "report.md").read_text(encoding="utf-8")
    for word in (*own_folder.CLASSES, *own_folder.TARGETS):
        assert word in page
