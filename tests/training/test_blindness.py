"""Training is given no test label: of each corpus, with two label files that differ in these."""

import csv

import jax
import numpy as np
import pytest

from mer_jax.corpora import CORPORA
from mer_jax.data import corpus as corpus_lib
from mer_jax.task import TRAIN, UNLABELLED, VALIDATION
from mer_jax.training import division
from tests.support import merbench_labels, user_folder

CLIPS = 20  # of a split: of fewer, labels that are all alike are no placeholders
# IEMOCAP has no test split.
WITH_TEST = sorted(name for name in CORPORA if not name.startswith("iemocap"))
OTHERS = {"table": {"train": "train", "val": "val", "test": "test"}}  # splits by their names
TARGETS = ("openness", "warmth")  # of a table, in place of its valence
POOL = ["pool_0", "pool_1"]  # clips that no label file names


def labels_of(info, split, shift):
    """A label for each clip of a split, test clips' turned by `shift`."""
    low, high = info.task.valence_range or (-10, -10)
    steps = np.linspace(low, high, 7)
    turned = 0 if split in (TRAIN, VALIDATION) else shift
    return {
        f"{split}_{i:02d}": {
            "emo": (i + turned) % len(info.task.classes) if info.task.classes else 0,
            "val": float(steps[(i + turned) % 7]) if info.task.valence_range else -10,
        }
        for i in range(CLIPS)
    }


def write(root, name, shift, targets=()):
    """The label file of a corpus in miniature; the names of its clips.

    The targets of a table lack some numbers, others in test by `shift`.
    """
    info = CORPORA[name]
    members = OTHERS.get(name, info.corpora)
    content = {member: labels_of(info, split, shift) for member, split in members.items()}
    if info.from_file:
        with (root / info.label_files[0]).open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("name", "emotion", *(targets or ("valence",)), "split"))
            for split, clips in content.items():
                for i, clip in enumerate(clips):
                    turned = i + (shift if split == "test" else 0)
                    numbers = [turned % 5]
                    if targets:
                        numbers = ["" if turned % 7 == 0 else turned % 5, 10 * turned]
                    rows.writerow((clip, "abc"[turned % 3], *numbers, split))
    else:
        merbench_labels.write(root / info.label_files[0], content)
    return [clip for clips in content.values() for clip in clips] + POOL * bool(info.pool_split)


def given(root, name, **changes):
    """All that training is given of a corpus, and its test splits."""
    info = CORPORA[name]
    splits = set(OTHERS.get(name, info.corpora).values())
    ours = {
        "data__corpus": name,
        "data__standardise": True,
        "data__placeholders": "labels",
        "semi__method": "fixmatch" if info.pool_split else "",
        "folds": 0 if VALIDATION in splits else 2,
    }
    config = user_folder.config(root, root.parent / "tfds", **{**ours, **changes})
    config = corpus_lib.resolved(config)
    corpus = corpus_lib.load(config)
    samples, folds = division.divide(config, corpus)
    tests = {s: x.labels for s, x in corpus.test_splits(without=VALIDATION).items()}
    return (corpus.task, config.to_json(), samples, folds), tests


@pytest.mark.parametrize(
    ("name", "targets"), [*((name, ()) for name in WITH_TEST), ("table", TARGETS)]
)
def test_training_is_given_no_test_label(tmp_path, name, targets):
    root = tmp_path / "root"
    root.mkdir()
    user_folder.write_vectors(root, user_folder.AUDIO, write(root, name, 0, targets))
    ours, of_ours = given(root, name, data__targets=targets)
    write(root, name, 1, targets)
    theirs, of_theirs = given(root, name, data__targets=targets)
    assert ours[0].targets == targets
    assert ours[:2] == theirs[:2]
    for a, b in zip(jax.tree.leaves(ours[2:]), jax.tree.leaves(theirs[2:]), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert of_ours.keys() - {UNLABELLED}, "a corpus with a test split"
    for split, labels in of_ours.items():
        assert any((a != b).any() for a, b in zip(labels, of_theirs[split], strict=True)), (
            f"{split}: the test labels were turned"
        )


def test_test_clips_in_the_pool_bring_no_label(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    names = write(root, "mer2023", 0)
    user_folder.write_vectors(root, user_folder.AUDIO, names)
    (_, _, before, _), _ = given(root, "mer2023")
    (*_, samples, folds), of_ours = given(root, "mer2023", semi__transductive=True)
    write(root, "mer2023", 1)
    (*_, again, folds_again), of_theirs = given(root, "mer2023", semi__transductive=True)
    for a, b in zip(
        jax.tree.leaves((samples, folds)), jax.tree.leaves((again, folds_again)), strict=True
    ):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    tests = [name for name in of_ours if name != UNLABELLED]
    assert any((of_ours[s].emotion != of_theirs[s].emotion).any() for s in tests)
    # Each once: a clip of the split whose labels the challenge keeps back is in the pool anyway.
    assert len(samples.pool.number) == len(names) - CLIPS > len(before.pool.number)
    vectors = np.asarray(samples.pool.features["audio"])
    assert len(np.unique(vectors, axis=0)) == len(vectors)
    assert not samples.pool.emotion_mask[len(before.pool.number) :].any()


def test_test_clips_of_a_table_with_targets_bring_no_number_to_the_pool(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    names = write(root, "table", 0, TARGETS)
    user_folder.write_vectors(root, user_folder.AUDIO, names)
    asked = {
        "data__targets": TARGETS, "semi__method": "fixmatch", "semi__transductive": True,
        "data__labelled_fraction": 0.5,
    }  # fmt: skip
    (*_, ours, folds), _ = given(root, "table", **asked)
    write(root, "table", 1, TARGETS)
    (*_, theirs, _), _ = given(root, "table", **asked)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert len(ours.pool.number) == len(names)
    assert not ours.pool.emotion_mask[-CLIPS:].any()
    assert set(range(2 * CLIPS, 3 * CLIPS)) < set(folds[0, 0].pool_index.tolist())
