"""The embedded corpus: drawn from a seed, written in the layout of a user's folder.

Its counts are MER 2023's (Table 1), its emotions and valences follow what was counted in the
published labels, and its modalities tell as much as the paper's best ones do of each other: audio
more than video, video more than text. It says nothing about the real challenge.
"""

import io
import logging
import pathlib

import numpy as np

from mer_jax import files
from mer_jax.data.registry import MER2023

LOG = logging.getLogger("mer_jax")
COUNTS = {"train": 3373, "mer_multi": 411, "mer_noise": 412, "mer_semi": 834}
# By class in index order: clips of Train&Val (Figure 3), and a valence whose mixture over the
# classes has Train&Val's mean -0.69 and deviation 1.79 and Figure 4's form.
_CLASS_COUNTS = np.array([871, 822, 689, 383, 462, 146])
_VALENCE_MEAN = np.array([-0.2, -2.3, 2.05, -2.4, -1.55, -0.3])
_VALENCE_DEVIATION = np.array([0.5, 0.7, 0.8, 0.7, 0.6, 1.8])
# Size of the features, and how far apart the classes lie in units of the noise: measured so that
# a unimodal model reaches about the paper's weighted F1 of HuBERT-large, MacBERT-large, MANet.
_MODALITIES = {"audio": (96, 1.45), "text": (64, 0.85), "video": (80, 1.2)}
_NOISY_AUDIO = (0.7, 1.2)  # MER-NOISE: what is left of the signal, and the noise's deviation
_WITHOUT_FACE = 0.01  # share of clips whose video vector is all zero


def feature_set(modality: str) -> str:
    """The name of a modality's feature set."""
    return f"synthetic-{modality}-UTT"


def ensure(root: pathlib.Path, seed: int, pool: int, counts: dict[str, int] | None = None) -> None:
    """Writes the corpus to `root` unless it is there.

    `pool` is the number of unlabelled clips, `counts` the clips of the other splits (COUNTS).
    """
    if root.is_dir():
        return
    LOG.info("writing the synthetic corpus to %s", root)
    with files.folder_beside(root, "writing") as beside:
        _write(beside, np.random.default_rng(seed), {**(counts or COUNTS), "unlabelled": pool})
        beside.chmod(0o755)
        beside.rename(root)


def _write(root: pathlib.Path, rng: np.random.Generator, counts: dict[str, int]) -> None:
    total = sum(counts.values())
    names = np.array([f"synthetic_{i:08d}" for i in rng.permutation(total)])
    split = np.repeat(list(counts), list(counts.values()))
    emotion = np.concatenate([_emotions(rng, n) for n in counts.values()])
    valence = rng.normal(_VALENCE_MEAN[emotion], _VALENCE_DEVIATION[emotion]).clip(-5, 5).round(2)
    for modality, (size, strength) in _MODALITIES.items():
        features = _features(rng, emotion, valence, size, strength)
        if modality == "audio":
            left, deviation = _NOISY_AUDIO
            noisy = split == "mer_noise"
            shape = (noisy.sum(), size)
            features[noisy] = left * features[noisy] + rng.normal(0, deviation, shape)
        if modality == "video":
            features[rng.random(total) < _WITHOUT_FACE] = 0
        folder = root / "features" / feature_set(modality)
        folder.mkdir(parents=True)
        for name, vector in zip(names, features.astype(np.float32), strict=True):
            (folder / f"{name}.npy").write_bytes(_npy(vector))
    labels = {
        key: {
            str(names[i]): {
                "emo": MER2023.task.classes[emotion[i]],
                # MER-SEMI is scored on emotions alone: nobody labelled its valence.
                "val": -10 if name == "mer_semi" else float(valence[i]),
            }
            for i in np.flatnonzero(split == name)
        }
        for key, name in MER2023.corpora.items()
    }
    np.savez_compressed(root / "label-6way.npz", **labels)


def _emotions(rng: np.random.Generator, n: int) -> np.ndarray:
    """`n` classes in Train&Val's proportions, to the clip, in random order."""
    exact = _CLASS_COUNTS / _CLASS_COUNTS.sum() * n
    counts = np.floor(exact).astype(int)
    largest = np.argsort(counts - exact, kind="stable")[: n - counts.sum()]
    counts[largest] += 1
    return rng.permutation(np.repeat(np.arange(len(counts)), counts))


def _features(
    rng: np.random.Generator, emotion: np.ndarray, valence: np.ndarray, size: int, strength: float
) -> np.ndarray:
    """Noise around a point for each class, moved along one direction by the valence."""
    points_CxD = rng.normal(size=(len(_CLASS_COUNTS), size)) / np.sqrt(size)
    direction_D = rng.normal(size=size) / np.sqrt(size)
    signal = points_CxD[emotion] + 0.5 * valence[:, None] * direction_D
    # Clips differ in how clearly they speak; half of the columns are of another scale.
    clarity = rng.gamma(4.0, 0.25, size=(len(emotion), 1))
    scale_D = np.where(np.arange(size) % 2, 1.0, 3.0)
    return scale_D * (strength * clarity * signal + rng.normal(size=(len(emotion), size)))


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
