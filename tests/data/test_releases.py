"""The label files of MERBench's corpora: read as they are, and recognised by their counts."""

import logging

import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax import corpora
from mer_jax.data import folds, label_files, releases
from mer_jax.data.labels import MISSING_EMOTION
from tests.support import merbench_labels
from tests.support.configs import changed


def read(tmp_path, info, content):
    """What the loader makes of a file, which is found by its name."""
    merbench_labels.write(tmp_path / info.label_files[0], content)
    return label_files.read(label_files.find(tmp_path, info), info).splits


def said(caplog, info, splits):
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="mer_jax"):
        releases.say(info, splits)
    return [(record.levelname, record.getMessage()) for record in caplog.records]


@pytest.mark.parametrize(
    ("name", "number", "words"),
    [
        ("cmumosi", np.float64, "CMU-MOSI: MERBench's, 1,284 + 229 + 686 clips"),
        ("sims", np.float64, "CH-SIMS: MERBench's, 1,368 + 456 + 457 clips"),
        ("simsv2", float, "CH-SIMS v2: MERBench's, 2,722 + 647 + 1,034 clips"),
        ("iemocap4", float, "IEMOCAP of four classes: MERBench's, 5,531 clips"),
        ("iemocap6", float, "IEMOCAP of six classes: MERBench's, 7,433 clips"),
    ],
)
def test_merbenchs_files_are_recognised(tmp_path, caplog, name, number, words):
    info = corpora.corpus_info(name)
    content = merbench_labels.of_release(info, info.releases[0], number)
    splits = read(tmp_path, info, content)
    assert {split: list(labels) for split, labels in splits.items()} == {
        info.corpora[member]: list(clips) for member, clips in content.items()
    }, "in the order of the file"
    assert said(caplog, info, splits) == [("INFO", words)]
    has_valence = info.task.valence_range is not None
    for label in splits["train"].values():
        assert np.isnan(label.valence) != has_valence
        assert (label.emotion == MISSING_EMOTION) == (not info.task.classes)
    if info.task.classes and not info.emotion_from_valence:
        counts = np.bincount([label.emotion for label in splits["train"].values()])
        assert tuple(counts) == info.releases[0].classes["train"]


def test_the_counts_of_a_release_agree_with_one_another():
    for info in corpora.CORPORA.values():
        for release in info.releases:
            for by_split in (release.classes, release.signs):
                assert all(sum(by_split[s]) == release.clips[s] for s in by_split), info.name
            assert not release.groups or sum(release.groups) == release.clips["train"]


def test_another_split_and_a_part_are_told(tmp_path, caplog):
    mosi = corpora.CMUMOSI
    poria = merbench_labels.of_release(mosi, mosi.releases[1], np.float64)
    assert said(caplog, mosi, read(tmp_path / "poria", mosi, poria)) == [
        (
            "WARNING",
            "this is not MERBench's CMU-MOSI: 1,447 + 752 clips; taken as Poria's split",
        )
    ]
    mosei = corpora.CMUMOSEI
    part = {
        "train_corpus": {"101787_0": {"emo": 0, "val": np.float32(-1 / 3)}},
        "test_corpus": {"a-_b_1": {"emo": 0, "val": np.float32(0)}},
    }
    splits = read(tmp_path / "part", mosei, part)
    assert splits["train"]["101787_0"].valence == float(np.float32(-1 / 3))
    assert splits["train"]["101787_0"].emotion == MISSING_EMOTION, "a filler"
    assert said(caplog, mosei, splits) == [
        (
            "WARNING",
            "this is not MERBench's CMU-MOSEI, which has 16,326 + 1,871 + 4,659 clips: 1 + 1 "
            "clips; taken as it is",
        )
    ]


def test_equal_counts_with_other_labels_are_told(tmp_path, caplog):
    four = corpora.IEMOCAP4
    content = merbench_labels.of_release(four, four.releases[0])
    clips = content["whole_corpus"]
    first = next(iter(clips))
    clips[first]["emo"] = 1
    (told,) = said(caplog, four, read(tmp_path, four, content))
    assert told == (
        "WARNING",
        "this has the clips of MERBench's IEMOCAP of four classes, but train has 1,635, 1,085, "
        "1,708, 1,103 clips by class instead of 1,636, 1,084, 1,708, 1,103",
    )
    clips[first]["emo"] = 0
    clips["Ses05F_script01_F999"] = clips.pop(first)
    (told,) = said(caplog, four, read(tmp_path, four, content))
    assert told[1].endswith(
        "but its sessions have 1,084, 1,023, 1,151, 1,031, 1,242 clips instead of 1,085, 1,023, "
        "1,151, 1,031, 1,241"
    )
    sims = corpora.SIMS
    content = merbench_labels.of_release(sims, sims.releases[0], np.float64)
    next(iter(content["test_corpus"].values()))["val"] = np.float64(1)
    (told,) = said(caplog, sims, read(tmp_path, sims, content))
    assert "test has 247, 69, 141 negative, zero and positive clips instead of" in told[1]


def test_the_folds_of_iemocap_are_its_sessions():
    checked = config_lib.check(changed(data__corpus="iemocap4"))
    assert checked.data.group_folds is True
    assert config_lib.check(changed(data__corpus="meld")).data.group_folds is False
    names = [f"Ses{session:02d}M_script0{i}_F000" for session in range(1, 6) for i in range(3)]
    groups = [corpora.IEMOCAP4.group(name) for name in names]
    of = folds.assign(names, 5, 0, 0, groups).reshape(5, 3)
    assert (of == of[:, :1]).all()
    assert sorted(of[:, 0]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("info", [corpora.MER2024, corpora.MER2025, corpora.MER2026])
def test_candidates_that_are_all_neutral_are_unlabelled(tmp_path, info):
    words = info.task.classes
    content = {
        "train_corpus": {f"t{i}": {"emo": words[i % 6]} for i in range(12)},
        "test1_corpus": {f"c{i}": {"emo": "neutral"} for i in range(20)},
    }
    splits = read(tmp_path, info, content)
    assert list(splits["candidates"]) == [f"c{i}" for i in range(20)]
    assert {label.emotion for label in splits["candidates"].values()} == {MISSING_EMOTION}
    assert [label.emotion for label in splits["train"].values()] == [i % 6 for i in range(12)]
