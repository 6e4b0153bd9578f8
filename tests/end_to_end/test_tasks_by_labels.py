"""Emotion alone and valence alone, from label files that have no more: every mode knows it."""

import json
import logging
import re

import numpy as np
import pytest

import mer_jax
from mer_jax.data import corpus as corpus_lib
from mer_jax.errors import InputError
from mer_jax.modes import compare, ensemble, evaluate, predict, select, train
from mer_jax.reporting import written
from mer_jax.tables import gathering
from tests.support import user_folder
from tests.support.trainings import rows_of

SMALL = {
    "train__epochs": 2, "train__steps": 0, "repeats": 1, "folds": 2, "model__hidden": 4,
    "evaluate__bootstrap": 20, "train__tensorboard": False,
}  # fmt: skip
TRAIN = [f"train_{i:02d}" for i in range(24)]
TEST = [f"test_{i:02d}" for i in range(8)]
POOL = [f"pool_{i:02d}" for i in range(9)]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder as the preparation of MER 2024 leaves it: a class a clip, fillers for the tests."""
    root = tmp_path_factory.mktemp("mer2024") / "corpus"
    user_folder.write_labels(
        root,
        {
            "train_corpus": {
                name: {"emo": user_folder.EMOTIONS[i % 6]} for i, name in enumerate(TRAIN)
            },
            "test1_corpus": {name: {"emo": "neutral"} for name in TEST},
            "test3_corpus": {name: {"emo": "neutral"} for name in POOL},
        },
        name="track1_label_6way.npz",
    )
    user_folder.write_features(
        root, user_folder.AUDIO, user_folder.vectors([*TRAIN, *TEST, *POOL], size=3)
    )
    return root


@pytest.fixture(scope="module")
def config(root, tmp_path_factory):
    return user_folder.config(root, tmp_path_factory.mktemp("tfds"), **SMALL)


@pytest.fixture(scope="module")
def trained(config, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("emotion") / "run"
    train.train(config, workdir)
    return workdir


def test_emotion_alone_is_trained_where_train_has_no_valence(trained):
    assert json.loads((trained / "config.json").read_text())["task"] == "emotion"
    results = json.loads((trained / "results.json").read_text())
    assert {"dis", "acc"} <= results["cross_validation"].keys()
    assert not {"dim", "com", "mae"} & results["cross_validation"].keys()
    rows = rows_of(trained / "predictions" / "mer_multi.csv")
    assert list(rows) == TEST
    for row in rows.values():
        assert row["discrete"] in user_folder.EMOTIONS
        assert row["valence"] == ""
    assert results["clips"]["mer_multi"]["emotion"] == 0, "fillers are no labels"


def test_its_log_says_so(config, caplog):
    with caplog.at_level(logging.INFO, logger="mer_jax"):
        corpus = corpus_lib.load(config)
    assert "emotion alone is predicted: no clip of train has a valence label" in caplog.messages
    assert "train: 24 of 24 clips count as labelled" in caplog.messages
    assert len(corpus.splits["unlabelled"].names) == len(POOL)


def test_every_mode_knows_what_was_trained_without_the_labels(
    trained, config, tmp_path, root, capsys
):
    """Also where the label file has valences today, which the training did not see."""
    labels = {name: {"emo": "sad", "val": 1.0} for name in TRAIN}
    later = tmp_path / "later"
    user_folder.write_labels(
        later,
        {
            "train_corpus": labels,
            "test1_corpus": user_folder.labelled(TEST),
            "test3_corpus": {name: {"emo": "neutral"} for name in POOL},
        },
    )
    (later / "features").symlink_to(root / "features")
    changed = config.copy_and_resolve_references()
    changed.data.root, changed.data.tfds_dir = str(later), str(tmp_path / "tfds")
    assert corpus_lib.load(changed).task.valence_range, "the folder alone gives both"
    evaluate.evaluate(changed, trained, None)
    results = json.loads((trained / "results.json").read_text())
    assert results["ensemble"]["mer_multi"].keys() >= {"dis", "acc"}
    assert results["clips"]["mer_multi"] == {"all": 8, "emotion": 8}
    compare.compare(changed, trained, trained, None)
    compared = json.loads((trained / "compare.json").read_text())
    assert "com" not in compared["splits"]["mer_multi"]
    predict.predict(changed, trained, tmp_path / "out.csv")
    assert {row["valence"] for row in rows_of(tmp_path / "out.csv").values()} == {""}
    select.select(config, trained, tmp_path / "select.csv")
    ensemble.ensemble(config, tmp_path / "both", [trained, trained], None)
    written.ensure(config, trained)
    report = (trained / "report.md").read_text()
    assert "Dis" in report
    assert not re.search(r"\bCom\b|MAE", report)
    run = mer_jax.load_run(trained)
    assert run.task.valence_range is None
    assert "valence" not in run.predictions["train"]
    assert "confusion_train" in run.figures
    gathering.gather(config, trained.parent)
    capsys.readouterr()
    columns = (trained.parent / "table.csv").read_text().splitlines()[0].split(",")
    assert "mer_multi dis" in columns
    assert not [column for column in columns if "com" in column or "dim" in column]


def test_an_earlier_run_without_the_record_has_all_of_its_corpus(trained, tmp_path):
    """As it was: such a run cannot have been one of emotion alone, so its files do not agree."""
    path = trained / "config.json"
    content = path.read_text()
    record = json.loads(content)
    del record["task"]
    try:
        path.write_text(json.dumps(record))
        with pytest.raises(InputError, match=r"results\.json"):
            mer_jax.load_run(trained)
    finally:
        path.write_text(content)


def test_valence_alone_is_trained_where_train_has_no_emotion(root, tmp_path):
    rng = np.random.default_rng(0)
    for name, asked, emotion in (("auto", "auto", ""), ("narrowed", "valence", "sad")):
        folder = tmp_path / name
        user_folder.write_labels(
            folder,
            {
                "train_corpus": {
                    clip: {"emo": emotion, "val": float(rng.uniform(-3, 3))} for clip in TRAIN
                },
                "test1_corpus": {
                    clip: {"emo": emotion, "val": 1.0 + i / 9} for i, clip in enumerate(TEST)
                },
            },
        )
        (folder / "features").symlink_to(root / "features")
        config = user_folder.config(
            folder, tmp_path / f"{name}-tfds", data__task=asked, report=True, **SMALL
        )
        train.train(config, folder / "work")
        assert json.loads((folder / "work" / "config.json").read_text())["task"] == "valence"
        results = json.loads((folder / "work" / "results.json").read_text())
        assert {"dim", "mae"} <= results["cross_validation"].keys()
        assert not {"dis", "com", "acc"} & results["cross_validation"].keys()
        assert results["clips"]["mer_multi"] == {"all": 8, "valence": 8}
        for row in rows_of(folder / "work" / "predictions" / "mer_multi.csv").values():
            assert row["discrete"] == ""
            assert np.isfinite(float(row["valence"]))
        assert "MAE" in (folder / "work" / "report.md").read_text()
        semi = user_folder.config(
            folder, tmp_path / f"{name}-tfds", data__task=asked, semi__method="fixmatch", **SMALL
        )
        with pytest.raises(InputError, match=r"config\.semi\.method: pseudo-labels need emotions"):
            train.train(semi, folder / "semi")


def test_some_valences_keep_both_tasks_and_the_config_asks_for_both(root, tmp_path):
    labels = {clip: {"emo": user_folder.EMOTIONS[i % 6]} for i, clip in enumerate(TRAIN)}
    labels[TRAIN[0]]["val"] = 1.5
    user_folder.write_labels(tmp_path / "some", {"train_corpus": labels})
    (tmp_path / "some" / "features").symlink_to(root / "features")
    some = corpus_lib.load(user_folder.config(tmp_path / "some", tmp_path / "tfds"))
    assert some.task.selection == "com"
    assert some.splits["train"].labels.valence_mask.sum() == 1
    alone = user_folder.config(tmp_path / "some", tmp_path / "tfds", data__task="emotion")
    assert corpus_lib.load(alone).splits["train"].labels.valence_mask.sum() == 0
    both = user_folder.config(root, tmp_path / "tfds", data__task="both", **SMALL)
    with pytest.raises(InputError) as refusal:
        train.train(both, tmp_path / "work")
    assert str(refusal.value) == (
        "no clip of train has a label for its valence, which mer2023's models are trained and "
        "selected by; add labels to the label file, or set config.data.task to emotion"
    )
