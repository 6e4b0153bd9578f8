"""--mode=check tells what a folder holds, and its command trains on it."""

import re
import shlex

import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax.data import survey
from mer_jax.errors import InputError
from mer_jax.modes import check
from mer_jax.progress import SILENT
from tests.support import own_folder, user_folder
from tests.support.configs import changed
from tests.support.trainings import results_of

NAMES = [f"片段[{i}]" for i in range(12)]
ROWS = [
    f"{name},{('joy', 'anger', 'calm', 'dread')[i % 4]},{i / 10:g},speaker{i % 3}"
    for i, name in enumerate(NAMES)
]


@pytest.fixture
def root(tmp_path):
    """Twelve clips of four classes and three groups; one set has wild columns and lacks a clip."""
    root = tmp_path / "mine"
    root.mkdir()
    (root / "clips.csv").write_text("name,emotion,valence,group\n" + "\n".join(ROWS) + "\n")
    rng = np.random.default_rng(0)
    wild = rng.normal(size=(12, 6)) * [1e-3, 1e-3, 1, 1, 1e4, 1e4]
    wild[0] = 0
    clips = dict(zip(NAMES[:11], wild.astype(np.float32), strict=False))
    user_folder.write_features(root, "eGeMAPS_UTT", {**clips, "broken": b"no array"})
    frames = {name: rng.normal(size=(i % 3 + 1, 4)) for i, name in enumerate(NAMES)}
    user_folder.write_features(root, "words_FRA", frames)
    user_folder.write_vectors(root, "sentences", NAMES, size=5)
    return root


def checked(root, capsys, **changes):
    check.check(config_lib.check(changed(data__root=str(root), **changes)), SILENT)
    return capsys.readouterr().out


def test_a_table_is_told_and_trained_by_the_command_that_is_told(
    root, tmp_path, capsys, command_line
):
    out = checked(root, capsys)
    assert f"{root}: config.data.corpus=table" in out
    (train,) = re.findall(r"^  train .*$", out, re.MULTILINE)
    assert " ".join(train.split()) == "train 12 3 3 3 3 0 to 1.1 0 3"  # classes, valence, groups
    (line,) = re.findall(r"^  eGeMAPS_UTT  .*$", out, re.MULTILINE)
    assert " ".join(line.split()) == "eGeMAPS_UTT audio utterance 6 11 11 of 12"
    (line,) = re.findall(r"^  words_FRA  .*$", out, re.MULTILINE)
    assert " ".join(line.split()) == "words_FRA text frame 4 12 12 of 12"
    assert f"1 clip of the label file without a feature: {NAMES[11]}" in out
    assert f"1 clip all zero, as one without a face or a word: {NAMES[0]}" in out
    assert "eGeMAPS_UTT: 1 file unusable: " in out and "broken.npy" in out
    assert "standardise it" in out

    command = shlex.split(out.partition("To train on it:")[2].replace("\\\n", " "))
    assert command[:3] == ["python", "-m", "mer_jax.main"]
    given = dict(argument.lstrip("-").split("=", 1) for argument in command[3:])
    assert given["config.features.audio"] == "eGeMAPS_UTT"
    assert given["config.features.text"] == "words_FRA"
    assert given["config.features.video"] == "sentences"  # what nobody knows fills what is left
    assert given["config.folds"] == "3"
    small = [
        "--config.train.epochs=1", "--config.train.learning_rate=0.001",
        "--config.model.hidden=4", "--config.repeats=1", "--quiet",
        "--config.report=False", f"--config.data.tfds_dir={tmp_path / 'tfds'}",
        f"--workdir={tmp_path / 'run'}",
    ]  # fmt: skip
    process = command_line(*command[3:], *small)
    assert process.returncode == 0, process.stderr
    assert len(results_of(tmp_path / "run")["runs"]) == 3


def test_mer2023_is_recognised_and_needs_nothing(tmp_path, capsys):
    user_folder.write_mer2023(tmp_path / "user")
    out = checked(tmp_path / "user", capsys)
    assert "config.data.corpus=mer2023" in out
    assert "--config.features.text=words-UTT" in out
    assert not re.search("standardise|missing|bad", out.partition("To train")[2])


def test_what_cannot_be_trained_on_is_said_in_a_sentence(root, tmp_path, capsys):
    with pytest.raises(InputError, match=r"config\.data\.root is empty"):
        checked("", capsys)
    (tmp_path / "empty" / "features").mkdir(parents=True)
    with pytest.raises(InputError, match=r"no corpus's label file.*\n.*no label file; expected"):
        checked(tmp_path / "empty", capsys)
    for path in (root / "features").rglob("*.npy"):
        path.rename(path.with_name(f"other-{path.name}"))
    with pytest.raises(InputError, match=r"no set has a feature of a clip in clips\.csv"):
        checked(root, capsys)
    with pytest.raises(InputError, match="no label file"):
        checked(root, capsys, data__corpus="meld")


def test_the_spread_is_that_of_the_columns_over_clips(root):
    found = survey.set_of(root, "eGeMAPS_UTT")
    files = sorted((root / "features" / "eGeMAPS_UTT").glob("片*.npy"))
    deviation = np.stack([np.load(path) for path in files]).astype(float).std(0)
    low, high = np.percentile(deviation, (5, 95))
    assert found.spread == pytest.approx(high / low, rel=1e-6) and found.is_uneven
    assert not survey.set_of(root, "sentences").is_uneven


def test_columns_of_numbers_are_told_and_named_in_the_command(tmp_path, capsys):
    root = tmp_path / "own"
    rows = own_folder.write(root, clips=24)
    out = checked(root, capsys)
    flag = "--config.data.targets="
    assert f"that are not predicted: openness, warmth; {flag}openness,warmth predicts them" in out
    assert flag not in out.partition("To train on it:")[2]
    header = tuple("warmth, in %" if h == "warmth" else h for h in own_folder.HEADER)
    own_folder.write_table(root, rows, header)
    out = checked(root, capsys, data__targets=("auto",))
    (line,) = re.findall(rf"{flag}.*(?= \\)", out.partition("To train on it:")[2])
    assert shlex.split(line) == [f"{flag}('openness', 'warmth, in %')"]
    (train,) = re.findall(r"^  train .*$", out, re.MULTILINE)
    of_train = [row for row in rows if row[5] == "train"]
    for at in (2, 3):
        values = [float(row[at]) for row in of_train if row[at]]
        said = f"{min(values):g} to {max(values):g} ({len(of_train) - len(values)} missing)"
        assert said in train
    assert "not predicted" not in out
    with pytest.raises(InputError, match="no column 'warmth', which config"):
        checked(root, capsys, data__targets=("warmth",))
