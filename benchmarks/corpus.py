"""Learnable random clips of the real shape, in memory or as a user's folder on disk.

    python benchmarks/corpus.py --folder=FOLDER --unlabelled=73148    # prints the corpus's folder

Each clip is noise around a point of its class, moved along one direction by its valence, so that
a loop that learns nothing is seen by its score. The scores say nothing about the real challenge.
"""

import argparse
import pathlib
import shutil
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SETS = {"audio": "audio-UTT", "text": "text-UTT", "video": "video-UTT"}
CORPORA = ("train_corpus", "test1_corpus", "test2_corpus", "test3_corpus")
COUNTS = (3373, 411, 412, 834)  # MER 2023, Table 1
EMOTIONS = ("neutral", "angry", "happy", "sad", "worried", "surprise")
# Share and valence of each class, after what was counted in the published labels.
_SHARES = np.array([0.258, 0.244, 0.204, 0.114, 0.137, 0.043])
_VALENCE_MEAN = np.array([-0.2, -2.3, 2.0, -2.4, -1.5, -0.3])
_VALENCE_DEVIATION = np.array([0.5, 0.7, 0.8, 0.7, 0.6, 1.8])
# How far the signal stands out of noise of deviation 1: tried so that the combined metric of the
# cross-validation lies between 0.4 and 0.6 at the real shape.
_POINTS, _DIRECTION = 1.5, 0.55
_BLOCK = 4096  # clips drawn at once: the noise of all would double the memory that is measured
_UNLABELLED_VALENCE = -10.0  # how the challenge writes a valence that nobody gave


class Clips(NamedTuple):
    """Labels and features of N clips."""

    emotion: np.ndarray  # int32 [N], an index into EMOTIONS
    valence: np.ndarray  # float32 [N]
    features: dict[str, np.ndarray]  # by modality: float32 [N, D]


def draw(clips: int, size: int, seed: int) -> Clips:
    """`clips` random clips with features of `size`, the same for the same arguments."""
    rng = np.random.default_rng(seed)
    emotion = rng.choice(len(EMOTIONS), clips, p=_SHARES).astype(np.int32)
    valence = rng.normal(_VALENCE_MEAN[emotion], _VALENCE_DEVIATION[emotion])
    valence = valence.clip(-5, 5).round(2).astype(np.float32)
    features = {modality: _features(rng, emotion, valence, size) for modality in SETS}
    return Clips(emotion, valence, features)


def _features(
    rng: np.random.Generator, emotion: np.ndarray, valence: np.ndarray, size: int
) -> np.ndarray:
    points_CxD = rng.normal(0, _POINTS / np.sqrt(size), (len(EMOTIONS), size)).astype(np.float32)
    direction_D = rng.normal(0, _DIRECTION / np.sqrt(size), size).astype(np.float32)
    x_NxD = np.empty((len(emotion), size), np.float32)
    for start in range(0, len(emotion), _BLOCK):
        block = slice(start, start + _BLOCK)
        rng.standard_normal(dtype=np.float32, out=x_NxD[block])
        x_NxD[block] += points_CxD[emotion[block]] + valence[block, None] * direction_D
    return x_NxD


def ensure(
    folder: pathlib.Path, counts: Sequence[int], unlabelled: int, size: int, seed: int
) -> pathlib.Path:
    """The corpus of these settings, in a folder of its own under `folder`; written once."""
    sizes = "-".join(map(str, counts))
    root = folder / f"clips{sizes}-unlabelled{unlabelled}-size{size}-seed{seed}"
    if root.is_dir():
        return root
    folder.mkdir(parents=True, exist_ok=True)
    beside = pathlib.Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    try:
        _write(beside, draw(sum(counts) + unlabelled, size, seed), counts)
        beside.rename(root)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return root


def _write(root: pathlib.Path, clips: Clips, counts: Sequence[int]) -> None:
    """The layout of a user's folder; clips past `counts` have features and no label."""
    names = [f"sample_{i:08d}" for i in range(len(clips.emotion))]
    for modality, feature_set in SETS.items():
        folder = root / "features" / feature_set
        folder.mkdir(parents=True)
        for name, vector in zip(names, clips.features[modality], strict=True):
            np.save(folder / f"{name}.npy", vector, allow_pickle=False)
    labels, start = {}, 0
    for corpus, count in zip(CORPORA, counts, strict=True):
        labels[corpus] = {
            names[i]: {
                "emo": EMOTIONS[clips.emotion[i]],
                # MER-SEMI is scored on emotions alone.
                "val": _UNLABELLED_VALENCE if corpus == CORPORA[-1] else float(clips.valence[i]),
            }
            for i in range(start, start + count)
        }
        start += count
    np.savez_compressed(root / "label-6way.npz", **labels)


def main():
    """Writes a corpus unless it is there, and prints its folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)), help="of the four corpora")
    parser.add_argument("--unlabelled", type=int, default=0)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    counts = [int(count) for count in arguments.counts.split(",")]
    folder = arguments.folder.resolve()
    print(ensure(folder, counts, arguments.unlabelled, arguments.size, arguments.seed))


if __name__ == "__main__":
    main()
