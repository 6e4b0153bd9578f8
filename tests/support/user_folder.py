"""A user's folder in miniature: a label file and feature files, written where a test wants them."""

import io
import pathlib
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np
from ml_collections import ConfigDict

from mer_jax import config as config_lib
from tests.support.configs import changed

LABEL_FILE = "label-6way.npz"
AUDIO, TEXT = "tones_UTT", "words-UTT"
EMOTIONS = ("neutral", "angry", "happy", "sad", "worried", "surprise")


def write_labels(
    root: pathlib.Path, corpora: Mapping[str, Mapping], name: str = LABEL_FILE
) -> pathlib.Path:
    """Writes `{corpus: {clip: {"emo": ..., "val": ...}}}` as NumPy itself pickles it."""
    root.mkdir(parents=True, exist_ok=True)
    np.savez(root / name, **{corpus: np.array(clips, object) for corpus, clips in corpora.items()})
    return root / name


def write_pickles(
    root: pathlib.Path, corpora: Mapping[str, bytes], name: str = LABEL_FILE
) -> pathlib.Path:
    """Writes an npz whose members are object arrays with the given pickles."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    root.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(root / name, "w") as archive:
        for corpus, pickled in corpora.items():
            archive.writestr(f"{corpus}.npy", start + pickled)
    return root / name


def write_features(
    root: pathlib.Path, feature_set: str, clips: Mapping[str, object]
) -> pathlib.Path:
    """Writes one `.npy` a clip; a dictionary of arrays becomes a folder of frames, bytes a file."""
    folder = root / "features" / feature_set
    folder.mkdir(parents=True, exist_ok=True)
    for clip, content in clips.items():
        if isinstance(content, Mapping):
            write_features(root, f"{feature_set}/{clip}", content)
        else:
            (folder / f"{clip}.npy").write_bytes(npy(content))
    return folder


def npy(content) -> bytes:
    """An array as the bytes of its `.npy` file; bytes stay as they are."""
    if isinstance(content, bytes):
        return content
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(content))
    return buffer.getvalue()


def vectors(names: Sequence[str], size: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
    """One random float32 vector a name."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=size).astype(np.float32) for name in names}


def write_vectors(root: pathlib.Path, feature_set: str, names: Sequence[str], **options) -> None:
    """Writes a feature set of random vectors, one a name; `options` are those of `vectors`."""
    write_features(root, feature_set, vectors(names, **options))


def labelled(names: Sequence[str]) -> dict[str, dict]:
    """A label for each name: the classes of MER 2023 in turn, valences from -3 in steps of 0.5."""
    return {
        name: {"emo": EMOTIONS[i % 6], "val": -3 + 0.5 * (i % 13)} for i, name in enumerate(names)
    }


def placeholders(names: Sequence[str]) -> dict[str, dict]:
    """What MER 2023's release writes for clips that nobody labelled."""
    return {name: {"emo": "neutral", "val": -10} for name in names}


def write_mer2023(root: pathlib.Path) -> dict[str, list[str]]:
    """A participant's folder with two feature sets; the names of each split.

    Twelve labelled clips, two and three test clips without labels, and as test3 a pool of five.
    """
    names = {
        "train": [f"train_{i:02d}" for i in range(12)],
        "mer_multi": ["multi_0", "multi_1"],
        "mer_noise": ["noise_0", "noise_1", "noise_2"],
        "mer_semi": [f"pool_{i}" for i in range(5)],
    }
    write_labels(
        root,
        {
            "train_corpus": labelled(names["train"]),
            "test1_corpus": placeholders(names["mer_multi"]),
            "test2_corpus": placeholders(names["mer_noise"]),
            "test3_corpus": placeholders(names["mer_semi"]),
        },
    )
    every = [name for split in names.values() for name in split]
    write_features(root, AUDIO, vectors(every, size=3, seed=1))
    write_features(root, TEXT, vectors(every, size=2, seed=2))
    return {**names, "unlabelled": names["mer_semi"]}


def config(root: pathlib.Path, tfds_dir: pathlib.Path, **changes) -> ConfigDict:
    """A checked config over `write_mer2023`'s folder; a change is `data__corpus="meld"`."""
    ours = {
        "data__root": str(root),
        "data__tfds_dir": str(tfds_dir),
        "features__audio": AUDIO,
        "report": False,
    }
    return config_lib.check(changed(**{**ours, **changes}))
