"""Wrong input ends in one sentence that says what and where, and leaves nothing half-written."""

import json
import logging
import os
import pickle
import re
import shutil

import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax import files
from mer_jax.errors import InputError
from mer_jax.modes import evaluate, predict, train
from tests.support import user_folder
from tests.support.user_folder import AUDIO, LABEL_FILE, TEXT


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "user"
    user_folder.write_mer2023(folder)
    return folder


def half_written(tfds_dir):
    """Files of no finished dataset, and what a build that was stopped leaves behind."""
    finished = [path.parent for path in tfds_dir.rglob("source.json")]
    label_files = {folder.parents[1] / user_folder.LABEL_FILE for folder in finished}
    return [
        path
        for path in {*tfds_dir.rglob("*")} - label_files
        if path.name.startswith(".")
        or (path.is_file() and not any(path.is_relative_to(folder) for folder in finished))
    ]


def feature(name, content):
    """Replaces the audio of one clip."""
    return lambda root: (root / "features" / AUDIO / f"{name}.npy").write_bytes(
        user_folder.npy(content)
    )


def labels(**corpora):
    """Replaces the label file."""
    return lambda root: user_folder.write_labels(root, corpora)


def nothing(root):
    """The folder stays as it is: the config is wrong."""


class _Calls:
    """Pickles as a call of `os.system`."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def hostile(root):
    """A label file that would leave a file called marker beside it."""
    command = f"touch '{root / 'marker'}'"
    user_folder.write_pickles(root, {"train_corpus": pickle.dumps({"a": _Calls(command)})})


ONE = user_folder.labelled(["train_00"])
OR_DROP_BAD = "; config.data.bad=drop leaves such clips out"
OR_DROP_MISSING = "; config.data.missing=drop leaves such clips out, zero fills in zeros"
# What is done to a right folder, changes of the config, and the sentence that must come of it.
WRONG = {
    "root is missing": (
        lambda root: root.rename(root.with_name("elsewhere")),
        {},
        "config.data.root: no folder {root}",
    ),
    "label file is missing": (
        lambda root: (root / LABEL_FILE).unlink(),
        {},
        "{root}: no label file; expected label-6way.npz, label.npz, track1_label_6way.npz, "
        "label.csv or train-label.csv",
    ),
    "features are missing": (
        lambda root: (root / "features").rename(root / "vectors"),
        {},
        "{root}: no folder features/ in it",
    ),
    "feature set is missing": (
        nothing,
        {"features__audio": "hubert-UTT"},
        "{root}/features: no feature set 'hubert-UTT'; present: tones_UTT, words-UTT",
    ),
    "feature set is empty": (
        lambda root: (root / "features" / "empty_UTT").mkdir(),
        {"features__audio": "empty_UTT"},
        "{root}/features/empty_UTT: holds no features (.npy)",
    ),
    "no feature set": (
        nothing,
        {"features__audio": ""},
        "no feature set; name one or more of config.features.audio, .text and .video",
    ),
    "name without a feature": (
        lambda root: (root / "features" / AUDIO / "multi_1.npy").unlink(),
        {},
        "{root}/features/tones_UTT, mer_multi: 1 name without a feature: multi_1" + OR_DROP_MISSING,
    ),
    "name that one modality lacks": (
        lambda root: (root / "features" / AUDIO / "train_00.npy").rename(
            root / "features" / AUDIO / "train_0.npy"
        ),
        {"features__text": TEXT},
        "{root}/features/tones_UTT, train: 1 name without a feature: train_00; "
        "{root}/features/words-UTT, unlabelled: 1 name without a feature: train_0"
        + OR_DROP_MISSING,
    ),
    "two sizes": (
        feature("train_03", [1.0, 2.0]),
        {},
        "{root}/features/tones_UTT/train_03.npy: features of size 2, but multi_0.npy has size 3"
        + OR_DROP_BAD,
    ),
    "NaN": (
        feature("train_03", [1.0, np.nan, np.nan]),
        {},
        "{root}/features/tones_UTT/train_03.npy: 2 of 3 values are NaN or infinite in float32"
        + OR_DROP_BAD,
    ),
    "infinite": (
        feature("noise_2", [1.0, -np.inf, 0.0]),
        {},
        "{root}/features/tones_UTT/noise_2.npy: 1 of 3 values are NaN or infinite in float32"
        + OR_DROP_BAD,
    ),
    "empty file": (
        feature("train_03", b""),
        {},
        "{root}/features/tones_UTT/train_03.npy: an empty file" + OR_DROP_BAD,
    ),
    "truncated file": (
        feature("train_03", user_folder.npy(np.ones(3, np.float32))[:-5]),
        {},
        "{root}/features/tones_UTT/train_03.npy: holds 7 bytes of values, and its header says "
        "12; write it anew" + OR_DROP_BAD,
    ),
    "emotion outside the classes": (
        labels(train_corpus={"train_00": {"emo": "contempt", "val": 0.0}}),
        {},
        "{root}/label-6way.npz, train_corpus, train_00: emotion 'contempt' is outside the classes "
        "neutral, angry, happy, sad, worried, surprise (or 0 to 5)",
    ),
    "valence out of range": (
        labels(train_corpus={"train_00": {"emo": "sad", "val": 5.5}}),
        {},
        "{root}/label-6way.npz, train_corpus, train_00: valence 5.5 is outside [-5, 5]",
    ),
    "duplicate names": (
        labels(train_corpus=ONE, test1_corpus=ONE),
        {},
        "{root}/label-6way.npz: lists 1 name in train and again in mer_multi: train_00",
    ),
    "separator in a name": (
        labels(train_corpus=user_folder.labelled(["../train_00"])),
        {},
        "{root}/label-6way.npz, train_corpus: the name '../train_00' holds a separator or a "
        "control character",
    ),
    "label file of another corpus": (
        labels(val_corpus=ONE, train_corpus={}),
        {},
        "{root}/label-6way.npz: unknown corpus 'val_corpus'; mer2023 has: train_corpus, "
        "test1_corpus, test2_corpus, test3_corpus",
    ),
    "label file without train": (
        labels(test1_corpus=ONE),
        {},
        "the label file has no train corpus: there is nothing to train on",
    ),
    "label file is no npz": (
        lambda root: (root / LABEL_FILE).write_text("name,discrete,valence\n"),
        {},
        "{root}/label-6way.npz: not a readable npz file: File is not a zip file",
    ),
    "hostile pickle": (
        hostile,
        {},
        "{root}/label-6way.npz, train_corpus.npy: refused, not a plain label file: its pickle "
        f"asks for {os.system.__module__}.system",
    ),
    "fewer clips than folds": (
        nothing,
        {"folds": 13},
        "config.folds=13: only 12 clips to divide into folds",
    ),
    "no validation split": (
        nothing,
        {"folds": 0},
        "config.folds=0 needs a val split, which the label file lacks; use folds",
    ),
    "no groups": (
        nothing,
        {"data__group_folds": True},
        "config.data.group_folds: mer2023's clip names show no groups; use False",
    ),
}


@pytest.mark.parametrize(("spoil", "changes", "sentence"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_told_in_a_sentence(tmp_path, root, spoil, changes, sentence):
    tfds_dir, workdir = tmp_path / "tfds", tmp_path / "work"
    spoil(root)
    config = user_folder.config(root, tfds_dir, train__epochs=1, **changes)
    with pytest.raises(InputError) as refusal:
        train.train(config, workdir)
    assert str(refusal.value) == sentence.replace("{root}", str(root))
    assert half_written(tfds_dir) == []
    assert not workdir.exists()
    assert not (root / "marker").exists()


def test_a_workdir_that_holds_another_config(tmp_path, root):
    workdir = tmp_path / "work"
    began = user_folder.config(root, tmp_path / "tfds")
    files.write_json(workdir / "config.json", {"config": began.to_dict()})
    before = (workdir / "config.json").read_bytes()
    config = user_folder.config(root, tmp_path / "tfds", train__batch_size=7)
    with pytest.raises(InputError) as refusal:
        train.train(config, workdir)
    assert str(refusal.value).startswith(
        f"{workdir} holds a run with config.train.batch_size=32, not 7; use another --workdir"
    )
    assert [path.name for path in workdir.iterdir()] == ["config.json"]
    assert (workdir / "config.json").read_bytes() == before
    assert not (tmp_path / "tfds").exists()


@pytest.mark.parametrize("mode", [evaluate.evaluate, predict.predict])
def test_a_workdir_in_which_nothing_was_trained(tmp_path, root, mode):
    workdir = tmp_path / "work"
    with pytest.raises(InputError, match=r"work: no config\.json; train in this workdir first"):
        mode(user_folder.config(root, tmp_path / "tfds"), workdir, None)
    assert not workdir.exists()


# A workdir that is not as a training leaves it


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The smallest training: its folder, its config and its workdir, for copies to be spoilt."""
    place = tmp_path_factory.mktemp("finished")
    user_folder.write_mer2023(place / "user")
    small = {"train__epochs": 1, "folds": 2, "repeats": 1, "model__hidden": (2, 3)}
    config = user_folder.config(
        place / "user", place / "tfds", **small, train__learning_rate=1e-3, train__chunk=4
    )
    train.train(config, place / "work")
    return place / "user", config, place / "work"


@pytest.fixture
def workdir(finished, tmp_path):
    shutil.copytree(finished[2], tmp_path / "work")
    return tmp_path / "work"


def without(key):
    """Takes a key away, `a.b` being `b` in `a`."""

    def spoil(content):
        *path, last = key.split(".")
        for part in path:
            content = content[part]
        del content[last]

    return spoil


def holding(key, value):
    """Puts a value under a key, `a.b` being `b` in `a`."""

    def spoil(content):
        *path, last = key.split(".")
        for part in path:
            content = content[part]
        content[last] = value

    return spoil


WRONG_FILES = {
    ("config.json", "config is missing"): without("config"),
    ("config.json", "chunk is missing"): without("chunk"),
    ("config.json", "dataset is missing"): without("dataset"),
    ("config.json", "sizes is missing"): without("sizes"),
    ("config.json", "config is not a dictionary"): holding("config", []),
    ("config.json", "chunk is not a list"): holding("chunk", 4),
    ("config.json", "chunk[0] is not a whole number"): holding("chunk", ["4", 4]),
    ("config.json", "chunk[1] is not a whole number"): holding("chunk", [4, True]),
    ("config.json", "dataset.tones_UTT is not a text"): holding("dataset.tones_UTT", None),
    ("config.json", "sizes is not a dictionary"): holding("sizes", [3]),
    ("config.json", "sizes.audio is not a whole number"): holding("sizes.audio", 3.0),
    ("config.json", "unknown key config.sead; did you mean config.seed?"): holding(
        "config.sead", 1
    ),
    ("config.json", "config.folds: 'two' is of the wrong type"): holding("config.folds", "two"),
    ("config.json", "config.folds: 1 must be 2 or more, or 0 to use the val split"): holding(
        "config.folds", 1
    ),
    ("results.json", "best is missing"): without("best"),
    ("results.json", "test is missing"): without("test"),
    ("results.json", "ensemble is missing"): without("ensemble"),
    ("results.json", "runs is missing"): without("runs"),
    ("results.json", "cross_validation is missing"): without("cross_validation"),
    ("results.json", "best is not a dictionary"): holding("best", None),
    ("results.json", "test is not a dictionary"): holding("test", []),
    ("results.json", "test.mer_multi.com is missing"): without("test.mer_multi.com"),
    ("results.json", "test.mer_multi.dis is not a dictionary"): holding("test.mer_multi.dis", 0.5),
    ("results.json", "cross_validation.dis.std is missing"): without("cross_validation.dis.std"),
    ("results.json", "cross_validation.dis.mean is not a number"): holding(
        "cross_validation.dis.mean", "0.5"
    ),
    ("results.json", "ensemble.mer_semi.acc is not a number"): holding("ensemble.mer_semi.acc", []),
    ("results.json", "runs is not a list"): holding("runs", {}),
    ("results.json", "runs[1].status is missing"): lambda content: content["runs"][1].pop("status"),
}


def every_mode(config, workdir, out):
    """Each command that reads a workdir."""
    return (
        lambda: train.train(config, workdir),
        lambda: evaluate.evaluate(config, workdir, None),
        lambda: predict.predict(config, workdir, out),
    )


@pytest.mark.parametrize(("where", "spoil"), WRONG_FILES.items(), ids=map(" ".join, WRONG_FILES))
def test_a_json_file_of_another_form(finished, workdir, tmp_path, where, spoil):
    _, config, _ = finished
    file, sentence = where
    content = json.loads((workdir / file).read_text())
    spoil(content)
    files.write_json(workdir / file, content)
    before = (workdir / file).read_bytes()
    for mode in every_mode(config, workdir, tmp_path / "out.csv"):
        with pytest.raises(InputError) as refusal:
            mode()
        assert str(refusal.value).startswith(f"{workdir / file}: {sentence}")
    assert (workdir / file).read_bytes() == before
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("file", ["config.json", "results.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"3", b"[]", b"null"])
def test_a_json_file_that_is_none(finished, workdir, tmp_path, file, content):
    (workdir / file).write_bytes(content)
    for mode in every_mode(finished[1], workdir, tmp_path / "out.csv"):
        with pytest.raises(
            InputError, match=rf"{file}: (not a JSON file|its content is not a dic)"
        ):
            mode()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (holding("chunk", [4]), r"config\.json: chunk is \[4\], not a width of 1 or more for each"),
        (holding("chunk", [4, 0]), r"config\.json: chunk is \[4, 0\], not a width of 1 or more"),
        (holding("sizes", {"audio": 5}), r"config\.json: sizes is {'audio': 5}, the features have"),
        (
            holding("dataset.tones_UTT", "x"),
            r"trained on a dataset that has changed since \(tones_UTT",
        ),
        (
            holding("dataset.labels/", "x"),
            r"trained on a dataset that has changed since \(labels\);",
        ),
    ],
)
def test_a_config_json_of_another_run_is_not_continued(finished, workdir, spoil, sentence):
    content = json.loads((workdir / "config.json").read_text())
    spoil(content)
    files.write_json(workdir / "config.json", content)
    with pytest.raises(InputError, match=sentence):
        train.train(finished[1], workdir)


@pytest.mark.parametrize(
    ("file", "spoil", "sentence"),
    [
        ("results.json", holding("best", {"model.hidden": 9}), "which config.json did not try"),
        ("results.json", holding("best", {"model.hidden": [2]}), "which config.json did not try"),
        ("results.json", holding("best", {"hidden": 2}), "which config.json did not try"),
        ("config.json", holding("sizes", {"audio": 4}), "are not of the model that config.json"),
        ("config.json", holding("sizes", {"text": 3}), "are not of the model that config.json"),
    ],
)
def test_a_workdirs_files_of_two_trainings(finished, workdir, tmp_path, file, spoil, sentence):
    content = json.loads((workdir / file).read_text())
    spoil(content)
    files.write_json(workdir / file, content)
    for mode in every_mode(finished[1], workdir, tmp_path / "out.csv")[1:]:
        with pytest.raises(InputError, match=re.escape(sentence)):
            mode()


@pytest.mark.parametrize("left", ["results.json", "checkpoints"])
def test_what_lies_in_a_workdir_without_its_config_is_not_believed(finished, workdir, left):
    for path in ("config.json", {"results.json": "checkpoints"}.get(left, "results.json")):
        (workdir / path).rename(workdir.with_name(path))
    with pytest.raises(InputError, match=rf"work holds {left} without config\.json, which records"):
        train.train(finished[1], workdir)


def test_weights_that_are_gone_are_trained_again(finished, workdir, caplog):
    caplog.set_level(logging.INFO, logger="mer_jax")
    shutil.rmtree(workdir / "checkpoints")
    train.train(finished[1], workdir)
    assert f"{workdir}: already trained, but its weights are missing; training again" in caplog.text
    assert (workdir / "results.json").read_bytes() == (finished[2] / "results.json").read_bytes()
    caplog.clear()
    train.train(finished[1], workdir)
    assert caplog.messages[-1] == f"{workdir}: already trained"
    assert "again" not in caplog.text


# Labels that training cannot do without


@pytest.mark.parametrize(
    ("corpus", "label", "what"),
    [
        ("mer2023", {"emo": None, "val": None}, "emotion"),
        ("cmumosi", {"emo": 0, "val": -10}, "emotion"),
        ("meld", {"emo": "", "val": 1.0}, "emotion"),
    ],
)
def test_a_kind_of_label_that_train_lacks_altogether(tmp_path, root, corpus, label, what):
    clips = {f"train_{i:02d}": label for i in range(12)}
    user_folder.write_labels(root, {"train_corpus": clips})
    config = user_folder.config(root, tmp_path / "tfds", data__corpus=corpus)
    with pytest.raises(InputError) as refusal:
        train.train(config, tmp_path / "work")
    assert str(refusal.value) == (
        f"no clip of train has a label for its {what}, which {corpus}'s models are trained and "
        "selected by; add labels to the label file"
    )
    assert not (tmp_path / "work").exists()


def test_a_validation_split_without_labels(tmp_path, root):
    labels = {f"train_{i:02d}": {"emo": i % 7} for i in range(12)}
    corpora = {"train_corpus": labels, "val_corpus": user_folder.placeholders(["multi_0"])}
    user_folder.write_labels(root, corpora)
    config = user_folder.config(root, tmp_path / "tfds", data__corpus="meld", folds=0)
    with pytest.raises(InputError, match="no clip of val has a label for its emotion"):
        train.train(config, tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_nothing_to_evaluate(tmp_path, root, capsys):
    user_folder.write_labels(
        root, {"train_corpus": user_folder.labelled([f"train_{i:02d}" for i in range(12)])}
    )
    for name in ("pool_0", "multi_0"):
        (root / "features" / AUDIO / f"{name}.npy").unlink()
    config = user_folder.config(
        root, tmp_path / "tfds", train__epochs=1, folds=2, repeats=1, model__hidden=2,
        train__learning_rate=1e-3,
    )  # fmt: skip
    work = tmp_path / "work"
    train.train(config, work)
    said = f"\nScores: {work / 'results.json'}; predictions: {work / 'predictions'}\n"
    assert capsys.readouterr().out.endswith(said)
    (tmp_path / "later.csv").write_text("name,discrete,valence\ntrain_00,sad,1\n")
    for labels in (None, tmp_path / "later.csv"):
        with pytest.raises(InputError, match=r"work's run lists no test clips, so there is nothin"):
            evaluate.evaluate(config, work, labels)


# On the command line


@pytest.fixture
def flags(tmp_path, root):
    """A right command line over the folder."""
    return [
        f"--config={config_lib.CONFIGS / 'mer_multi.py'}",
        f"--workdir={tmp_path / 'work'}",
        f"--config.data.root={root}",
        f"--config.data.tfds_dir={tmp_path / 'tfds'}",
        f"--config.features.audio={AUDIO}",
        "--config.features.text=",
        "--config.features.video=",
    ]


@pytest.mark.parametrize(
    ("mistakes", "sentence"),
    [
        (
            ["--config.model.hiden=256"],
            "mer_jax: unknown key config.model.hiden; did you mean config.model.hidden?\n",
        ),
        (
            ["--config.train.epochs=many"],
            "mer_jax: config.train.epochs: 'many' is not a whole number\n",
        ),
        (
            ["--config.data.standardise=maybe"],
            "mer_jax: config.data.standardise: 'maybe' is not False, True, 'group' or 'all'\n",
        ),
        (["--config=configs/nope.py"], "mer_jax: --config=configs/nope.py: no such Python file; "),
        (
            ["--config.model.hidden=(128, 'wide')"],
            "mer_jax: config.model.hidden: 'wide' is not a whole number",
        ),
        (["--workdirr=x"], "mer_jax: --workdirr: unknown flag; did you mean --workdir?\n"),
        (["--workdir="], "mer_jax: --mode=train needs --workdir=DIR\n"),
        (["--mode=compare"], "mer_jax: --mode=compare needs --against=PATH\n"),
        (
            ["--against=x"],
            "mer_jax: --against goes with --mode=check, compare",
        ),
        (["--labels=x"], "mer_jax: --labels goes with --mode=evaluate, compare"),
        (["--config_json=x"], "mer_jax: --config_json takes no --config: it repeats a run's own\n"),
        (
            ["--coordinator=host:1234", "--process_count=2"],
            "mer_jax: --coordinator=HOST:PORT, --process_count=N and --process_index=I go together",
        ),
        (
            ["--coordinator=host:1234", "--process_count=2", "--process_index=2"],
            "mer_jax: --process_index=2 is not from 0 to --process_count - 1, which is 1\n",
        ),
        (
            ["--coordinator=host", "--process_count=2", "--process_index=0"],
            "mer_jax: --coordinator=host is neither HOST:PORT nor auto\n",
        ),
        (
            ["--coordinator=auto", "--process_count=2"],
            "mer_jax: --coordinator=auto takes no --process_count and --process_index\n",
        ),
        (
            ["--coordinator=auto"],
            "mer_jax: --coordinator: the processes did not connect: coordinator_address should be ",
        ),
        (
            ["--coordinator=auto", "--mode=evaluate"],
            "mer_jax: --coordinator goes with --mode=train\n",
        ),
    ],
)
def test_a_mistake_on_the_command_line(command_line, tmp_path, flags, mistakes, sentence):
    done = command_line(*flags, *mistakes)
    assert done.returncode == 2
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not (tmp_path / "work").exists()
    assert not (tmp_path / "tfds").exists()


def test_a_workdir_that_is_a_file(command_line, tmp_path, flags):
    (tmp_path / "work").write_text("mine")
    done = command_line(*flags)
    assert done.returncode == 2
    said = f"mer_jax: --workdir: {tmp_path / 'work'} is a file; name a folder, which need not be "
    assert done.stderr.splitlines()[-1] == f"{said}there"
    assert "Traceback" not in done.stderr
    assert (tmp_path / "work").read_text() == "mine"


@pytest.mark.parametrize(("mode", "case"), [("build", "hostile pickle"), ("train", "NaN")])
def test_a_wrong_folder_on_the_command_line(command_line, tmp_path, root, flags, mode, case):
    spoil, _, sentence = WRONG[case]
    spoil(root)
    done = command_line(*flags, f"--mode={mode}")
    assert done.returncode == 2
    told = done.stderr.splitlines()  # what was begun, then the sentence
    assert told[-1] == "mer_jax: " + sentence.replace("{root}", str(root))
    assert all(line.startswith("building mer2023") for line in told[:-1])
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert half_written(tmp_path / "tfds") == []
    assert not (tmp_path / "work").exists()
    assert not (root / "marker").exists()
