"""The synthetic corpus: drawn from a seed, written in the layout of a user's folder.

Its counts are MER 2023's (Table 1), its emotions and valences have the distribution of the
published labels, and its modalities are about as informative as the paper's best ones: audio more
than video, video more than text. Sets of the paper's names can be added to them. It says
nothing about the real challenge.
"""

import io
import logging
import pathlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from mer_jax import files, published
from mer_jax.corpora import MER2023

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
# A set of the paper's name is as strong as its published F1 is by the line through these.
_F1 = (0.4262, 0.6567)  # cross-validation Dis of MacBERT-large and HuBERT-large, Table 2
_NOISY_AUDIO = (0.7, 1.2)  # MER-NOISE: what is left of the signal, and the noise's deviation
_WITHOUT_FACE = 0.01  # share of clips whose video vector is all zero


def feature_set(modality: str) -> str:
    """The name of a modality's feature set."""
    return f"synthetic-{modality}-UTT"


class _Clips(NamedTuple):
    """The clips that every feature set of a corpus is drawn for."""

    names: np.ndarray  # str [N]
    split: np.ndarray  # str [N]
    emotion: np.ndarray  # int [N]
    valence: np.ndarray  # float [N]


def papers_sets() -> dict[str, str]:
    """The sets of the paper's names that `ensure` can write: release's folder -> paper's name."""
    return {known.folders[0]: name for name, known in published.FEATURE_SETS.items()}


def ensure(
    root: pathlib.Path,
    seed: int,
    pool: int,
    counts: dict[str, int] | None = None,
    feature_sets: Iterable[str] = (),
) -> None:
    """Writes the corpus to `root`, with its own feature sets and those named, where absent.

    `pool` is the number of unlabelled clips, `counts` the clips of the other splits (COUNTS). Of
    `feature_sets` those of `papers_sets` are written; what they hold depends on name and seed.
    """
    counts = {**(counts or COUNTS), "unlabelled": pool}
    if not root.is_dir():
        LOG.info("writing the synthetic corpus to %s", root)
        with files.folder_beside(root, "writing") as beside:
            _write(beside, np.random.default_rng(seed), counts)
            _put(beside, root)
    known = papers_sets()
    for name in feature_sets:
        folder = root / "features" / name
        if name in known and not folder.is_dir():
            LOG.info("writing the synthetic corpus's %s", name)
            with files.folder_beside(folder, "writing") as beside:
                clips = _draw_clips(np.random.default_rng(seed), counts)
                modality, strength = _as_published(known[name])
                rng = np.random.default_rng([seed, *name.encode()])
                _write_set(beside, rng, clips, modality, strength)
                _put(beside, folder)


def _put(written: pathlib.Path, target: pathlib.Path) -> None:
    written.chmod(0o755)
    written.rename(target)


def _as_published(name: str) -> tuple[str, float]:
    """The modality of a set and the distance between its classes."""
    modality = published.FEATURE_SETS[name].modality
    f1, _ = published.find({modality: name})["cross-validation"]["dis"]
    weakest, strongest = (_MODALITIES[of][1] for of in ("text", "audio"))
    return modality, weakest + (f1 - _F1[0]) / (_F1[1] - _F1[0]) * (strongest - weakest)


def _write(root: pathlib.Path, rng: np.random.Generator, counts: dict[str, int]) -> None:
    clips = _draw_clips(rng, counts)
    for modality, (_, strength) in _MODALITIES.items():
        folder = root / "features" / feature_set(modality)
        folder.mkdir(parents=True)
        _write_set(folder, rng, clips, modality, strength)
    labels = {
        key: {
            str(clips.names[i]): {
                "emo": MER2023.task.classes[clips.emotion[i]],
                # MER-SEMI is scored on emotions alone: nobody labelled its valence.
                "val": -10 if name == "mer_semi" else float(clips.valence[i]),
            }
            for i in np.flatnonzero(clips.split == name)
        }
        for key, name in MER2023.corpora.items()
    }
    np.savez_compressed(root / "label-6way.npz", **labels)


def _draw_clips(rng: np.random.Generator, counts: dict[str, int]) -> _Clips:
    """Draws names, splits, emotions and valences, before any features."""
    total = sum(counts.values())
    names = np.array([f"synthetic_{i:08d}" for i in rng.permutation(total)])
    split = np.repeat(list(counts), list(counts.values()))
    emotion = np.concatenate([_emotions(rng, n) for n in counts.values()])
    valence = rng.normal(_VALENCE_MEAN[emotion], _VALENCE_DEVIATION[emotion]).clip(-5, 5).round(2)
    return _Clips(names, split, emotion, valence)


def _write_set(
    folder: pathlib.Path, rng: np.random.Generator, clips: _Clips, modality: str, strength: float
) -> None:
    """Writes a file for each clip; the modality alone decides the size, so sets share programs."""
    size, _ = _MODALITIES[modality]
    features = _features(rng, clips.emotion, clips.valence, size, strength)
    if modality == "audio":
        left, deviation = _NOISY_AUDIO
        noisy = clips.split == "mer_noise"
        shape = (noisy.sum(), size)
        features[noisy] = left * features[noisy] + rng.normal(0, deviation, shape)
    if modality == "video":
        features[rng.random(len(clips.names)) < _WITHOUT_FACE] = 0
    for name, vector in zip(clips.names, features.astype(np.float32), strict=True):
        (folder / f"{name}.npy").write_bytes(_npy(vector))


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
