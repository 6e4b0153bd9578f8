"""Whatever stands in a user's file, a reader gives a right value or one sentence."""

import csv
import io
import math
import pickle
import string

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from mer_jax.corpora import CMUMOSI, MELD, MER2023
from mer_jax.data import label_csv, label_files, npy
from mer_jax.errors import InputError
from tests.support import user_folder

INFOS = st.sampled_from([MER2023, CMUMOSI, MELD])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One folder for all examples: each writes its file anew."""
    return tmp_path_factory.mktemp("fuzz")


def value_or_sentence(read, *arguments):
    """What reading gives, or None where it was refused in one sentence that names the file."""
    try:
        return read(*arguments)
    except InputError as error:
        assert "\n" not in str(error)
        paths = arguments[0] if isinstance(arguments[0], list) else [arguments[0]]
        assert any(str(path) in str(error) for path in paths)
        return None


def splits_or_sentence(read, *arguments):
    """The labels by split that a reader of label files finds; None where it refuses."""
    found = value_or_sentence(read, *arguments)
    return None if found is None else found.splits


def check_labels(splits, info):
    """Labels are classes of the task or missing, and valences in its range or missing."""
    for clips in splits.values():
        for name, label in clips.items():
            assert isinstance(name, str)
            assert type(label.emotion) is int
            assert -1 <= label.emotion < len(info.task.classes)
            low, high = info.task.valence_range or (0, -1)
            assert math.isnan(label.valence) or low <= label.valence <= high


# Edits of a right file: bytes replaced, put in, taken out.
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.binary(max_size=4), st.integers(0, 8)), min_size=1, max_size=5
)


def edited(content, edits):
    for where, put, taken in edits:
        at = int(where * len(content))
        content = content[:at] + put + content[at + taken :]
    return content


# Cells and entries that are nearly right
EMOTIONS = st.one_of(
    st.sampled_from([*MER2023.task.classes, *MELD.task.classes, "negative", "positive", "", "3"]),
    st.none(), st.integers(-2, 8), st.floats(), st.booleans(), st.text(max_size=5),
)  # fmt: skip
VALENCES = st.one_of(
    st.floats(), st.floats(-6, 6), st.sampled_from([-10, -10.0, "", None, "-10", "1e999", "nan"]),
    st.integers(), st.text(max_size=5), st.booleans(),
)  # fmt: skip
NAMES = st.one_of(st.text(string.ascii_letters + "_-=", min_size=1, max_size=6), st.text())
ENTRIES = st.one_of(
    st.fixed_dictionaries({"emo": EMOTIONS}, optional={"val": VALENCES}),
    st.dictionaries(st.sampled_from(["emo", "val", "x"]), st.one_of(EMOTIONS, st.binary())),
    st.recursive(VALENCES, st.lists, max_leaves=4),
)


@hypothesis.given(data=st.data(), info=INFOS)
def test_label_files_of_any_entries(place, data, info):
    corpora = data.draw(
        st.dictionaries(
            st.sampled_from([*info.corpora, "more"]), st.dictionaries(NAMES, ENTRIES), max_size=3
        )
    )
    protocol = data.draw(st.integers(0, 5))
    pickled = {key: pickle.dumps(np.array(clips, object), protocol)
               for key, clips in corpora.items()}  # fmt: skip
    found = splits_or_sentence(label_files.read, [user_folder.write_pickles(place, pickled)], info)
    if found is not None:
        assert {split: list(clips) for split, clips in found.items()} == {
            info.corpora[key]: list(clips) for key, clips in corpora.items()
        }
        check_labels(found, info)


# Pieces of pickle programs: what Python can pickle, what NumPy names, and opcodes on their own.
PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"cnumpy\ndtype\n", b"cnumpy\nndarray\n",
                b"cnumpy.core.multiarray\n_reconstruct\n",
                b"cnumpy._core.multiarray\nscalar\n", b"c_codecs\nencode\n", b"cos\nsystem\n",
                b"X\2\0\0\0f8", b"X\2\0\0\0O8", b"C\x08AAAAAAAA", b"(", b"t", b"R", b"b", b"}",
                b"s", b"]", b"a", b")", b"N", b"K\1", b"q\0", b"h\0", b"\x93", b"\x81", b"\x85",
                b"u", b"e",
            ]
        ),
        st.binary(min_size=1, max_size=2),
    ),
    max_size=30,
)  # fmt: skip


@hypothesis.given(pieces=PIECES)
def test_pickles_of_any_program(place, pieces):
    path = user_folder.write_pickles(place, {"train_corpus": b"".join(pieces) + b"."})
    found = splits_or_sentence(label_files.read, [path], MER2023)
    if found is not None:
        check_labels(found, MER2023)


@hypothesis.given(edits=EDITS)
def test_edited_pickles(place, edits):
    clips = user_folder.labelled(["a", "b"]) | {"c": {"emo": np.str_("sad"), "val": np.float32(1)}}
    pickled = edited(pickle.dumps(np.array(clips, object), 4), edits)
    path = user_folder.write_pickles(place, {"train_corpus": pickled})
    found = splits_or_sentence(label_files.read, [path], MER2023)
    if found is not None:
        check_labels(found, MER2023)


@hypothesis.given(edits=EDITS)
def test_edited_label_files(place, edits):
    path = user_folder.write_labels(place, {"train_corpus": user_folder.labelled(["a", "b"])})
    intact = label_files.read([path], MER2023).splits
    path.write_bytes(edited(path.read_bytes(), edits))
    found = splits_or_sentence(label_files.read, [path], MER2023)
    assert found in (None, intact)  # the content is under a checksum


@hypothesis.given(
    array=st.tuples(
        st.sampled_from(["f2", "<f4", ">f4", "f8", "i1", "i8", "u2", "?", "c8", "U3", "V2"]),
        st.lists(st.integers(0, 4), max_size=3),
        st.binary(min_size=64 * 16, max_size=64 * 16),
    ),
    edits=st.one_of(st.just([]), EDITS),
)
def test_feature_files(place, array, edits):
    dtype, shape, content = array
    size = np.dtype(dtype).itemsize * math.prod(shape)
    values = np.frombuffer(content[:size], dtype).reshape(shape)
    path = place / "clip.npy"
    path.write_bytes(edited(user_folder.npy(values), edits))
    rows = value_or_sentence(npy.read_array, path)
    if rows is not None:
        assert rows.dtype == np.float32
        assert rows.ndim == 2
        assert np.isfinite(rows).all()
        if not edits:
            with np.errstate(over="ignore"):
                np.testing.assert_array_equal(rows, np.atleast_2d(values).astype(np.float32))


@hypothesis.given(
    header=st.sampled_from([["name", "discrete", "valence"], ["valence", "name"], ["name", "x"]]),
    rows=st.lists(st.lists(st.one_of(NAMES, EMOTIONS, VALENCES), min_size=1, max_size=4)),
    edits=st.one_of(st.just([]), EDITS),
    info=INFOS,
)
def test_submissions(place, header, rows, edits, info):
    buffer = io.StringIO()
    csv.writer(buffer).writerows([header, *rows])
    path = place / "later.csv"
    path.write_bytes(edited(buffer.getvalue().encode("utf-8", "surrogatepass"), edits))
    cells = value_or_sentence(label_csv.read, path)
    found = splits_or_sentence(label_files.read_given, path, info)
    if found is not None:
        assert found[""].keys() == cells.keys()
        check_labels(found, info)
