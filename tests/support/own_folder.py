"""Somebody's own clips in miniature: Chinese names, four classes, two targets, three groups."""

import csv
import pathlib

import numpy as np

from tests.support import user_folder

CLASSES = ("惊讶", "平静", "愉快", "沮丧")
TARGETS = ("openness", "warmth")  # from 1 to 7, and from 0 to 100
GROUPS = ("甲", "乙", "丙")
AUDIO, TEXT = "my_audio_UTT", "my_text_UTT"
HEADER = ("name", "emotion", *TARGETS, "group", "split", "text")


def rows(clips: int = 48, seed: int = 0) -> tuple[list[list], np.ndarray]:
    """The rows of clips.csv, a quarter of them of the split test, and what clips are: [N, 4].

    Every seventh clip lacks its openness, every fifth its warmth, every eleventh its emotion.
    Groups are of train alone.
    """
    rng = np.random.default_rng(seed)
    kind = np.arange(clips) % len(CLASSES)
    hidden = np.stack([kind // 2, kind % 2, *rng.uniform(-1, 1, (2, clips))], 1)
    found = []
    for i in range(clips):
        is_test = i >= clips - clips // 4
        openness, warmth = 4 + 3 * hidden[i, 2], 50 + 50 * hidden[i, 3]
        found.append(
            [
                f"片段{i:02d}",
                "" if i % 11 == 10 else CLASSES[kind[i]],
                "" if i % 7 == 3 else f"{openness:.2f}",
                "" if i % 5 == 2 else f"{warmth:.1f}",
                "" if is_test else GROUPS[i % 3],
                "test" if is_test else "train",
                "你好，世界" if i % 2 else "再见",
            ]
        )
    return found, hidden


def write(root: pathlib.Path, clips: int = 48, seed: int = 0) -> list[list]:
    """Writes clips.csv and two feature sets that tell classes and targets; the CSV's rows."""
    found, hidden = rows(clips, seed)
    write_table(root, found)
    rng = np.random.default_rng(seed + 1)
    names = [row[0] for row in found]
    for feature_set, size in ((AUDIO, 8), (TEXT, 6)):
        seen = np.hstack([2 * hidden - [1, 1, 0, 0], rng.normal(0, 0.1, (clips, size - 4))])
        vectors = dict(zip(names, seen.astype(np.float32), strict=True))
        user_folder.write_features(root, feature_set, vectors)
    return found


def write_table(root: pathlib.Path, of_clips: list[list], header: tuple = HEADER) -> None:
    """Writes clips.csv alone."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *of_clips])
