"""--mode=ensemble on two small trainings."""

import json
import shutil

import numpy as np
import pytest

import mer_jax
from mer_jax import command_line
from mer_jax.data import folds, synthetic
from mer_jax.errors import InputError
from mer_jax.evaluation import calibration, combining, greedy, stacking
from mer_jax.modes import ensemble, train
from tests.support.trainings import COUNTS, config_of, rows_of, true_labels

SMALL = {"train__epochs": 2, "repeats": 1, "folds": 2, "model__hidden": 8}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ensemble")


@pytest.fixture(scope="module")
def config(folder):
    synthetic.ensure(folder / "corpus", seed=1, pool=4, counts=COUNTS)
    return config_of(folder / "corpus", folder / "tfds", train__learning_rate=1e-2, **SMALL)


@pytest.fixture(scope="module")
def root_labels(config, folder):
    return true_labels(folder / "corpus")


@pytest.fixture(scope="module")
def trained(folder, config):
    """Workdirs of audio alone, and of audio and text with two trials that come together."""
    workdirs = [folder / "audio, alone", folder / "two"]
    of_one = config.copy_and_resolve_references()
    of_one.features.update({"text": "", "video": ""})
    train.train(of_one, workdirs[0])
    of_two = config.copy_and_resolve_references()
    of_two.features.video, of_two.evaluate.ensemble = "", "greedy"
    with of_two.ignore_type():
        of_two.model.hidden = (8, 6)
    train.train(of_two, workdirs[1])
    return workdirs


def test_the_mean_of_two_trainings_is_written_and_scored(trained, config, tmp_path, capsys):
    workdir = tmp_path / "both"
    capsys.readouterr()
    ensemble.ensemble(config, workdir, trained, None)
    runs = [mer_jax.load_run(each) for each in trained]
    found = json.loads((workdir / "ensemble.json").read_text())
    assert found["members"] == [str(each) for each in trained]
    assert list(found["splits"]) == ["train", "mer_multi", "mer_noise", "mer_semi"]
    for split, of in found["splits"].items():
        columns = [run.predictions[split] for run in runs]
        probability = np.mean([each["probabilities"] for each in columns], 0)
        classes = np.array(runs[0].task.classes)
        rows = rows_of(workdir / "predictions" / f"{split}.csv")
        assert list(rows) == columns[0]["name"].tolist()
        discrete = np.array([row["discrete"] for row in rows.values()])
        np.testing.assert_array_equal(discrete, classes[probability.argmax(1)])
        valence = np.mean([each["valence"] for each in columns], 0)
        written = [float(row["valence"]) for row in rows.values()]
        np.testing.assert_allclose(written, valence, atol=1e-6)
        true = columns[0]["true_discrete"]
        assert of["ensemble"]["acc"] == pytest.approx(np.mean(discrete == true))
        for scores, each in zip(of["members"], columns, strict=True):
            assert scores["acc"] == pytest.approx(np.mean(each["discrete"] == true))
        low, high = of["interval"]["acc"]
        assert low <= of["ensemble"]["acc"] <= high
        assert of["out_of_fold"] == (split == "train")
    validated = runs[0].predicted("train")
    together = [run.predictions["train"]["probabilities"] for run in runs]
    logits, emotion = np.log(np.mean(together, 0)), validated.labels.emotion
    fold = runs[0].fold_of(validated.names)
    of = found["calibration"]
    assert of["temperature"] == pytest.approx(calibration.temperature(logits, emotion), rel=1e-4)
    assert of["before"]["nll"] == pytest.approx(calibration.errors(logits, emotion)["nll"])
    for number in (0, 1):
        others = calibration.temperature(logits[fold != number], emotion[fold != number])
        logits[fold == number] /= others
    assert of["after"] == pytest.approx(calibration.errors(logits, emotion), rel=1e-4)
    lines = capsys.readouterr().out.splitlines()
    assert any(f"at temperature {of['temperature']:.2f}." in line for line in lines)
    assert lines[2].startswith("train, out of fold  ")
    assert lines[4].startswith(f"  {trained[0]}  ")
    assert any("train 60, mer_multi 12," in line for line in lines)
    assert lines[-1].startswith(f"Scores: {workdir / 'ensemble.json'}; predictions:")


def test_the_trials_of_a_grid_are_members_too(trained, root_labels):
    workdir = trained[1]
    found = json.loads((workdir / "ensemble.json").read_text())
    results = json.loads((workdir / "results.json").read_text())
    assert found["members"] == ["hidden 8", "hidden 6"]
    assert found["combine"] == "greedy"
    for of_head in found["weights"].values():
        assert sum(of_head.values()) == pytest.approx(1)
    assert list(found["splits"]) == ["train", "mer_multi", "mer_noise", "mer_semi"]
    best = found["members"].index(f"hidden {results['best']['model.hidden']}")
    for name, split in (("train_out_of_fold", "train"), ("mer_multi", "mer_multi")):
        of = found["splits"][split]
        alone = rows_of(workdir / "predictions" / f"{name}.csv")
        together = rows_of(workdir / "predictions" / f"{split}_ensemble.csv")
        labels = root_labels[split]
        for rows, scores in ((alone, of["members"][best]), (together, of["ensemble"])):
            assert scores["acc"] == pytest.approx(
                np.mean([rows[clip]["discrete"] == labels[clip]["emo"] for clip in labels])
            )
    assert found["splits"]["train"]["out_of_fold"]
    assert not (trained[0] / "ensemble.json").exists()


def test_members_are_chosen_by_what_they_predict_out_of_fold(trained, config, tmp_path, capsys):
    copy = tmp_path / "again"  # a member given twice: the first of the two counts
    shutil.copytree(trained[1], copy)
    without = config.copy_and_resolve_references()
    without.evaluate.bootstrap = 0
    capsys.readouterr()
    workdir = tmp_path / "chosen"
    ensemble.ensemble(without, workdir, [*trained, copy], None, combine="greedy")
    found = json.loads((workdir / "ensemble.json").read_text())
    runs = [mer_jax.load_run(each) for each in trained]
    task, validated = runs[0].task, [run.predicted("train") for run in runs]
    each, labels = [of.predictions for of in validated], validated[0].labels
    expected = greedy.fit(task, each, labels).weights
    for head, of_head in found["weights"].items():
        assert list(of_head.values()) == [*expected[head], 0]
    fold = runs[0].fold_of(validated[0].names)
    assert set(fold) == {0, 1}
    together = combining.out_of_fold(greedy.fit, task, each, labels, fold)
    rows = rows_of(workdir / "predictions" / "train.csv")
    written = np.array([float(row["valence"]) for row in rows.values()])
    np.testing.assert_allclose(written, together.valence, atol=1e-6)
    assert [row["discrete"] for row in rows.values()] == [
        task.classes[i] for i in together.emotion.argmax(1)
    ]
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("Weights, emotion: ") for line in lines)
    assert any(line.startswith("Out of fold each clip is predicted by") for line in lines)
    ensemble.ensemble(without, tmp_path / "stacked", trained, None, combine="stacking")
    found = json.loads((tmp_path / "stacked" / "ensemble.json").read_text())
    assert found["combine"] == "stacking"
    rule = stacking.fit(task, each, labels)
    of_test = rule.predict([run.predicted("mer_multi").predictions for run in runs])
    rows = rows_of(tmp_path / "stacked" / "predictions" / "mer_multi.csv")
    written = [float(row["valence"]) for row in rows.values()]
    np.testing.assert_allclose(written, of_test.valence, atol=1e-5)


def test_folds_are_the_members_where_they_agree_else_their_own(trained, config):
    config = config.copy_and_resolve_references()
    runs = [mer_jax.load_run(each) for each in trained]
    names = runs[0].predicted("train").names[:50]
    own = ensemble._folds(runs, names, config)
    np.testing.assert_array_equal(own, runs[0].fold_of(names))
    runs[1].fold_of = lambda names: (runs[0].fold_of(names) + 1) % 2
    config.folds = 5
    found = ensemble._folds(runs, names, config)
    np.testing.assert_array_equal(found, folds.assign(names, 5, config.seed, 0))
    config.folds = 0
    with pytest.raises(InputError, match=r"config\.folds is 0"):
        ensemble._folds(runs, names, config)


def test_labels_can_come_later(trained, config, tmp_path):
    names = [f"{row}" for row in rows_of(trained[0] / "predictions" / "mer_semi.csv")]
    labels = tmp_path / "labels.csv"
    labels.write_text(f"name,discrete,valence\n{names[0]},sad,1.5\n")
    without = config.copy_and_resolve_references()
    without.evaluate.bootstrap = 0
    ensemble.ensemble(without, tmp_path / "both", trained, labels)
    of = json.loads((tmp_path / "both" / "ensemble.json").read_text())["splits"]["mer_semi"]
    assert of["clips"] == {"all": 10, "emotion": 10, "valence": 1}
    row = rows_of(tmp_path / "both" / "predictions" / "mer_semi.csv")[names[0]]
    assert of["ensemble"]["mae"] == pytest.approx(abs(float(row["valence"]) - 1.5), abs=1e-6)
    assert of["ensemble"]["corr"] is None, "one clip has no correlation"


def test_clips_that_differ_are_refused_and_nothing_is_written(trained, config, tmp_path, folder):
    other = tmp_path / "corpus"
    shutil.copytree(folder / "corpus", other)
    with np.load(other / "label-6way.npz", allow_pickle=True) as archive:
        members = {key: archive[key].item() for key in archive.files}
    del members["test1_corpus"][min(members["test1_corpus"])]
    np.savez(other / "label-6way.npz", **members)
    third = config_of(other, tmp_path / "tfds", train__learning_rate=1e-2, **SMALL)
    third.features.update({"text": "", "video": ""})
    train.train(third, tmp_path / "third")
    with pytest.raises(InputError, match=r"^mer_multi: 1 name in .*two or .*third, but not"):
        ensemble.ensemble(config, tmp_path / "both", [trained[1], tmp_path / "third"], None)
    assert not (tmp_path / "both").exists()
    with pytest.raises(InputError, match="two holds a training; use another --workdir"):
        ensemble.ensemble(config, trained[1], trained, None)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["--members=a"], "--members needs two workdirs or more, such as runs/a,runs/b"),
        (["--members=a,b", "--members=./a"], "--members lists a twice"),
        ([], "--mode=ensemble needs --members=DIR,DIR,..."),
    ],
)
def test_a_wrong_list_of_members_is_told(given, sentence, tmp_path):
    with pytest.raises(InputError) as told:
        mode, arguments = command_line.parse(
            ["main", "--mode=ensemble", f"--workdir={tmp_path / 'x'}", *given]
        )
        mode.run(arguments)
    assert str(told.value) == sentence


def test_a_folder_whose_name_holds_a_comma_is_one_member(trained):
    found = ensemble._folders([f"{trained[0]}", f"{trained[1]},elsewhere"])
    assert [path.name for path in found] == ["audio, alone", "two", "elsewhere"]
