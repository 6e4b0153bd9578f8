"""Label files of MERBench: deflated npz of 0-d object arrays as NumPy 1.x pickled them."""

import pathlib
import pickle
import zipfile
from collections.abc import Callable, Mapping

import numpy as np

from mer_jax.corpora import CorpusInfo, Release

_HEADER = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"
_START = b"\x93NUMPY\x01\x00" + len(_HEADER).to_bytes(2, "little") + _HEADER
FILLER = -10  # a valence that nobody gave, an int


def write(path: pathlib.Path, corpora: Mapping[str, Mapping[str, Mapping]]) -> pathlib.Path:
    """Writes `{member: {clip: {"emo": ..., "val": ...}}}` with pickles of protocol 3."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, clips in corpora.items():
            pickled = pickle.dumps(np.array(clips, object), protocol=3)
            # NumPy 2 calls the module otherwise; protocol 3 writes the name without its length.
            pickled = pickled.replace(b"cnumpy._core.multiarray", b"cnumpy.core.multiarray")
            archive.writestr(f"{member}.npy", _START + pickled)
    return path


def of_release(
    info: CorpusInfo, release: Release, number: Callable = float
) -> dict[str, dict[str, dict]]:
    """A file's content with exactly a release's counts; valences are of the type `number`."""
    members = {split: member for member, split in info.corpora.items()}
    content = {}
    for split, count in release.clips.items():
        if release.groups:
            names = [
                f"Ses{session:02d}F_impro01_F{clip:03d}"
                for session, clips in enumerate(release.groups, start=1)
                for clip in range(clips)
            ]
        else:
            names = [f"{split}-video{clip // 7}_{clip % 7}" for clip in range(count)]
        classes = np.repeat(np.arange(len(info.task.classes)), release.classes.get(split, (0,)))
        signs = np.repeat((-0.5, 0.0, 0.5), release.signs.get(split, (count, 0, 0)))
        content[members[split]] = {
            name: {
                "emo": int(classes[i]) if split in release.classes else 0,
                "val": number(signs[i]) if info.task.valence_range else FILLER,
            }
            for i, name in enumerate(names)
        }
    return content
