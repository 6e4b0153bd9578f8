"""A folder of features without labels, read for prediction."""

import pathlib

import numpy as np

from mer_jax.data import features as features_lib
from mer_jax.data import left_out, strays
from mer_jax.data.npy import FRAME, UTTERANCE
from mer_jax.data.reader import Reader
from mer_jax.data.rows import Frames, Rows, at_level, mean_over_frames, say_averaged
from mer_jax.errors import InputError
from mer_jax.observer import Count, uncounted


def read(
    root: pathlib.Path,
    chosen: dict[str, str],
    *,
    count: Count = uncounted,
    level: str = UTTERANCE,
    bad: str = left_out.ERROR,
    missing: str = left_out.ERROR,
    lists_beside: pathlib.Path | None = None,
) -> tuple[list[str], dict[str, Rows]]:
    """Every name in a folder of features and its features by modality, at a model's level.

    Args:
      root: the folder that holds features/.
      chosen: the feature set of each modality.
      count: shows the progress, clip by clip.
      level: at UTTERANCE frames are averaged, at FRAME they stay.
      bad: what becomes of files that are no features, one of `left_out.BAD_POLICIES`.
      missing: of names that one set lacks, one of `left_out.MISSING_POLICIES`.
      lists_beside: a file; `STEM.SET.bad.txt` and `STEM.missing.csv` beside it get what the
        messages do not show.

    Raises:
      InputError: wrong input, or no clip is left.
    """

    def listing(ending: str) -> pathlib.Path | None:
        return lists_beside and lists_beside.with_name(f"{lists_beside.stem}.{ending}")

    readers = {set_name: Reader(features_lib.scan(root, set_name)) for set_name in chosen.values()}
    clips, faulty = {}, []
    for set_name, reader in readers.items():
        clips[set_name] = _clips(reader, count, level)
        try:
            total = len(clips[set_name]) + len(reader.faults)
            left_out.judge_faults(
                str(reader.folder), reader.faults, total, bad, listing(f"{set_name}.bad.txt")
            )
        except left_out.BadFilesError as faults:
            faulty.append(faults)
    if faulty:
        raise left_out.BadFilesError.together(faulty)
    faults = set().union(*(reader.faults for reader in readers.values()))
    union = set().union(*clips.values()) - faults
    copies = set(strays.no_clips(sorted(union)))
    left_out.say_copies(copies, str(root))
    union -= copies
    lacking = [
        (str(reader.folder), tuple(sorted(union - clips[set_name].keys())))
        for set_name, reader in readers.items()
    ]
    lacking = [each for each in lacking if each[1]]
    left_out.judge_missing(lacking, missing, listing("missing.csv"))
    if missing == left_out.DROP:
        union -= {name for _, names in lacking for name in names}
    if not union:
        raise InputError(f"{root}: no clip has a feature in each of {', '.join(readers)}")
    names = sorted(union)
    features = {}
    for modality, set_name in chosen.items():
        zero = np.zeros((1, readers[set_name].size), np.float32)
        of_set = Frames.of_clips([clips[set_name].get(name, zero) for name in names])
        is_vectors = (of_set.length == 1).all()
        features[modality] = of_set.values if is_vectors else of_set
    return names, at_level(features, level)


def _clips(reader: Reader, count: Count, level: str) -> dict[str, np.ndarray]:
    """Each clip's rows [T, D], averaged at the utterance level; the reader has the faults."""
    clips, averaged = {}, False
    with count(f"reading {reader.folder.name}", len(reader.names)) as tick:
        for name in reader.names:
            rows_TxD = reader.rows(name)
            if rows_TxD is not None:
                averaged |= len(rows_TxD) > 1
                is_vector = UTTERANCE in (level, reader.level)
                clips[name] = mean_over_frames(rows_TxD)[None, :] if is_vector else rows_TxD
            tick(1)
    if averaged and level == UTTERANCE and reader.level == FRAME:
        say_averaged(reader.folder.name)
    return clips
