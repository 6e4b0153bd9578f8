"""Wrong input ends in one sentence that says what and where, and leaves nothing half-written."""

import os
import pickle

import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax import experiment, files
from mer_jax.errors import InputError
from tests import user_folder
from tests.user_folder import AUDIO, LABEL_FILE, TEXT


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "user"
    user_folder.write_mer2023(folder)
    return folder


def half_written(tfds_dir):
    """Files of no finished dataset, and what a build that was stopped leaves behind."""
    finished = [path.parent for path in tfds_dir.rglob("source.json")]
    return [
        path
        for path in tfds_dir.rglob("*")
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
        "{root}: no label file; expected label-6way.npz or label.npz",
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
        "no feature set: name one or more of config.features.audio, .text and .video",
    ),
    "name without a feature": (
        lambda root: (root / "features" / AUDIO / "multi_1.npy").unlink(),
        {},
        "{root}/features/tones_UTT, mer_multi: 1 names have no feature: multi_1",
    ),
    "name that one modality lacks": (
        lambda root: (root / "features" / AUDIO / "train_00.npy").rename(
            root / "features" / AUDIO / "train_0.npy"
        ),
        {"features__text": TEXT},
        "{root}/features/tones_UTT, train: 1 names have no feature: train_00",
    ),
    "two sizes": (
        feature("train_03", [1.0, 2.0]),
        {},
        "{root}/features/tones_UTT/train_03.npy: features of size 2, but multi_0.npy has size 3",
    ),
    "NaN": (
        feature("train_03", [1.0, np.nan, np.nan]),
        {},
        "{root}/features/tones_UTT/train_03.npy: 2 of 3 values are NaN or infinite in float32",
    ),
    "infinite": (
        feature("noise_2", [1.0, -np.inf, 0.0]),
        {},
        "{root}/features/tones_UTT/noise_2.npy: 1 of 3 values are NaN or infinite in float32",
    ),
    "empty file": (
        feature("train_03", b""),
        {},
        "{root}/features/tones_UTT/train_03.npy: an empty file",
    ),
    "truncated file": (
        feature("train_03", user_folder.npy(np.ones(3, np.float32))[:-5]),
        {},
        "{root}/features/tones_UTT/train_03.npy: its header promises 12 bytes, the file holds 7",
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
        "{root}/label-6way.npz: 1 duplicate names stand in train and in mer_multi: train_00",
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
        "config.folds=0 needs a val split, which the label file lacks: use folds",
    ),
    "no groups": (
        nothing,
        {"data__group_folds": True},
        "config.data.group_folds: mer2023's names tell no groups",
    ),
}


@pytest.mark.parametrize(("spoil", "changes", "sentence"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_told_in_a_sentence(tmp_path, root, spoil, changes, sentence):
    tfds_dir, workdir = tmp_path / "tfds", tmp_path / "work"
    spoil(root)
    config = user_folder.config(root, tfds_dir, train__epochs=1, **changes)
    with pytest.raises(InputError) as refusal:
        experiment.train(config, workdir)
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
        experiment.train(config, workdir)
    assert str(refusal.value).startswith(
        f"{workdir} holds a run with config.train.batch_size=32, not 7: use another --workdir"
    )
    assert [path.name for path in workdir.iterdir()] == ["config.json"]
    assert (workdir / "config.json").read_bytes() == before
    assert not (tmp_path / "tfds").exists()


@pytest.mark.parametrize("mode", [experiment.evaluate, experiment.predict])
def test_a_workdir_in_which_nothing_was_trained(tmp_path, root, mode):
    workdir = tmp_path / "work"
    with pytest.raises(InputError, match=r"work: no config\.json; train in this workdir first"):
        mode(user_folder.config(root, tmp_path / "tfds"), workdir, None)
    assert not workdir.exists()


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
        (["--config.train.epochs=many"], "mer_jax: flag --config.train.epochs=many: "),
        (
            ["--config.data.standardise=maybe"],
            "mer_jax: config.data.standardise: 'maybe' is not True or False\n",
        ),
        (["--config=configs/nope.py"], "mer_jax: --config=configs/nope.py: no such Python file; "),
        (
            ["--config.model.hidden=(128, 'wide')"],
            "mer_jax: config.model.hidden: 'wide' is not a whole number",
        ),
        (["--workdirr=x"], "mer_jax: Unknown command line flag 'workdirr'"),
        (["--workdir="], "mer_jax: --mode=train needs --workdir=DIR\n"),
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
            "mer_jax: --coordinator: the processes do not meet: coordinator_address should be ",
        ),
        (
            ["--coordinator=auto", "--mode=evaluate"],
            "mer_jax: --coordinator, --process_count and --process_index go with --mode=train\n",
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
    assert done.stderr.splitlines()[-1] == f"mer_jax: {tmp_path / 'work'}: File exists"
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
