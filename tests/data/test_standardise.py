"""Clips are standardised by their own speaker's columns, wherever they come from."""

import logging

import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax.data import standardise
from mer_jax.data.arrays import Labels, Split
from mer_jax.data.rows import Frames, Vectors, values_of
from mer_jax.errors import InputError
from mer_jax.modes import evaluate, predict, train
from tests.support import user_folder
from tests.support.configs import changed
from tests.support.trainings import rows_of

LARGE, SMALL = standardise.SMALLEST, standardise.SMALLEST - 1
SET = "tones_UTT"


def split_of(groups, seed, frames=False):
    """A split with a clip for each group given, named by it; each group has an offset."""
    rng = np.random.default_rng(seed)
    names = [f"{group}-{i:02d}" for i, group in enumerate(groups)]
    offset = {group: 20 * rng.normal(size=3) for group in sorted(set(groups))}
    length = rng.integers(1, 4, len(groups)) if frames else np.ones(len(groups), int)
    clips = [
        (offset[group] + (1 + len(group)) * rng.normal(size=(n, 3))).astype(np.float32)
        for group, n in zip(groups, length, strict=True)
    ]
    blank = rng.integers(0, 3, len(groups)) if frames else None
    features = Frames.of_clips(clips) if frames else np.concatenate(clips)
    if frames:
        features = Frames(features.values, features.start, features.length, blank)
    nothing = np.zeros(len(names))
    return Split(np.array(names), {"audio": features}, Labels(*[nothing] * 4))


def group_of(name):
    return {"none": None}.get(name.partition("-")[0], name.partition("-")[0])


@pytest.mark.parametrize("frames", [False, True])
def test_each_group_is_standardised_by_its_clips_and_the_others_by_trains_columns(frames, caplog):
    splits = {
        "train": split_of(["a"] * LARGE + ["bb"] * (LARGE - 2) + ["few"] * SMALL, 0, frames),
        "unlabelled": split_of(["bb"] * 3 + ["none"] * 2, 1, frames),
        "test": split_of(["a"] * (LARGE + 1) + ["bb"] * SMALL, 2, frames),
    }
    with caplog.at_level(logging.INFO, "mer_jax"):
        found, columns = standardise.by_group(splits, group_of)
    assert caplog.messages == [
        "train and unlabelled: 2 groups standardised by their own clips; by the columns of train: "
        "7 clips of 1 group with fewer than 8, 2 clips of no known group",
        "test: 1 group standardised by their own clips; by the columns of train: "
        "7 clips of 1 group with fewer than 8",
    ]

    def rows_of_clip(split, row):
        x = split.features["audio"]
        return x.clip(row) if frames else x[row : row + 1]

    def rows_of_group(names, group):
        return np.concatenate(
            [
                rows_of_clip(splits[name], row)
                for name in names
                for row, clip in enumerate(splits[name].names)
                if group in (None, group_of(clip))
            ]
        ).astype(np.float64)

    of_train = rows_of_group(["train"], None)
    np.testing.assert_allclose(columns["audio"][0], of_train.mean(0), rtol=1e-5)
    np.testing.assert_allclose(columns["audio"][1], of_train.std(0), rtol=1e-5)
    together = ["train", "unlabelled"]
    for name, split in splits.items():
        scaled = found[name].features["audio"]
        assert isinstance(scaled, Frames if frames else Vectors)
        if frames:
            np.testing.assert_array_equal(scaled.ends, split.features["audio"].ends)
        for row, clip in enumerate(split.names):
            own = group_of(clip)
            of_group = rows_of_group(["test"] if name == "test" else together, own)
            by_itself = own == "a" or (own == "bb" and name != "test")
            by = of_group if by_itself else of_train
            expected = (rows_of_clip(split, row) - by.mean(0)) / by.std(0)
            ours = scaled.clip(row) if frames else scaled[row : row + 1]
            np.testing.assert_allclose(ours, expected, atol=2e-5)
    # Any order of rows reads the same, at once or in parts.
    some, whole = np.array([5, 0, 11]), found["train"].features["audio"]
    picked = np.concatenate([values_of(whole[np.array([row])]) for row in some])
    np.testing.assert_array_equal(values_of(whole[some]), picked)
    assert whole.nbytes == splits["train"].features["audio"].nbytes


def test_the_columns_of_parts_are_those_of_them_together():
    rng = np.random.default_rng(0)
    parts = [rng.normal(3, 5, size=(n, 2)).astype(np.float32) for n in (7, 1, 30)]
    parts = [np.concatenate([part, np.full((len(part), 1), 4, np.float32)], 1) for part in parts]
    mean, deviation = standardise.columns_of(parts)
    whole = np.concatenate(parts).astype(np.float64)
    np.testing.assert_allclose(mean, whole.mean(0), rtol=1e-6)
    np.testing.assert_allclose(deviation[:2], whole.std(0)[:2], rtol=1e-6)
    assert deviation[2] == 1  # a constant column keeps its scale


@pytest.mark.parametrize(
    ("given", "read"),
    [("none", False), ("column", True), ("True", True), ("group", "group"), ("All", "all")],
)
def test_what_is_as_before_is_recorded_as_before(given, read):
    found = config_lib.check(changed(data__standardise=given)).data.standardise
    assert (type(found), found) == (type(read), read)


def corpus(root):
    """Three speakers to train on and two to test on, whose voices differ more than emotions do."""
    rng = np.random.default_rng(0)
    lines, vectors = ["name,emotion,speaker,split"], {}
    for speaker in range(5):
        offset = 100 * rng.normal(size=4)
        for i in range(10):
            name, split = f"s{speaker}_{i}", "train" if speaker < 3 else "test"
            lines.append(f"{name},{'xy'[i % 2]},{speaker},{split}")
            x = offset + rng.normal(size=4) + 2 * (i % 2)
            vectors[name] = x.astype(np.float32)
    root.mkdir(parents=True)
    (root / "clips.csv").write_text("\n".join(lines))
    user_folder.write_features(root, SET, vectors)
    return vectors


def test_training_evaluating_and_predicting_take_each_speaker_by_itself(tmp_path, capsys):
    vectors = corpus(tmp_path / "raw")
    corpus(tmp_path / "done")
    by_speaker = {s: np.stack([vectors[f"s{s}_{i}"] for i in range(10)]) for s in range(5)}
    done = {
        name: ((x - by_speaker[int(name[1])].mean(0)) / by_speaker[int(name[1])].std(0))
        for name, x in vectors.items()
    }
    user_folder.write_features(
        tmp_path / "done", SET, {name: x.astype(np.float32) for name, x in done.items()}
    )

    def config_of(root, **changes):
        small = {
            "data__corpus": "table",
            "data__root": str(tmp_path / root),
            "data__tfds_dir": str(tmp_path / f"built_{root}"),
            "features__audio": SET,
            "model__hidden": 8,
            "train__learning_rate": 1e-2,
            "train__epochs": 15,
            "train__tensorboard": False,
            "evaluate__bootstrap": 0,
            "evaluate__probabilities": True,
            "report": False,
            "folds": 3,
            "repeats": 1,
        }
        return config_lib.check(changed(**{**small, **changes}))

    def cells(path):
        return {
            name: [float(row["x"]), float(row["y"])] for name, row in sorted(rows_of(path).items())
        }

    def assert_same(found, expected):
        assert found.keys() == expected.keys()
        for name in found:
            np.testing.assert_allclose(found[name], expected[name], atol=1e-4, err_msg=name)

    run = tmp_path / "run"
    # Rows that stay on the host are standardised there; a run on features that NumPy standardised
    # is the reference.
    ours = config_of("raw", data__standardise="group", data__device_bytes=1)
    train.train(ours, run)
    train.train(config_of("done"), tmp_path / "reference")
    expected = cells(tmp_path / "reference/predictions/test.csv")
    assert_same(cells(run / "predictions/test.csv"), expected)

    (run / "predictions/test.csv").unlink()
    evaluate.evaluate(config_of("raw", data__standardise=True), run, None)  # the run's own is used
    assert_same(cells(run / "predictions/test.csv"), expected)

    new = tmp_path / "new"
    tests = {name: x for name, x in vectors.items() if int(name[1]) > 2}
    user_folder.write_features(new, SET, tests)
    there, out = config_of("new", data__root=str(new)), tmp_path / "out.csv"
    predict.predict(there, run, out)  # nobody says who speaks: by the columns of train
    assert max(abs(np.subtract(cells(out)[name], expected[name])).max() for name in tests) > 0.1
    listed = tmp_path / "listed.csv"
    listed.write_text("\n".join(["name,speaker", *(f"{name},{name[:2]}" for name in tests)]))
    predict.predict(there, run, out, clips=listed)
    assert_same(cells(out), expected)
    (new / "clips.csv").write_text(listed.read_text())
    predict.predict(there, run, out)
    assert_same(cells(out), expected)
    capsys.readouterr()


def test_a_corpus_without_groups_is_told(tmp_path):
    user_folder.write_mer2023(tmp_path / "user")
    config = user_folder.config(tmp_path / "user", tmp_path, data__standardise="group")
    with pytest.raises(InputError, match=r"standardise='group': mer2023's names show no groups"):
        train.train(config, tmp_path / "run")
