"""Labels as the field writes them are read; what could run code, or is wrong, is refused."""

import contextlib
import math
import os
import pickle
import resource

import numpy as np
import pytest

from mer_jax.corpora import CMUMOSI, MELD, MER2023
from mer_jax.data import labels
from mer_jax.data.labels import Label
from mer_jax.errors import InputError
from tests import user_folder

MISSING = -1


def same(found, expected):
    """Equality of `{name: (emotion, valence)}` in which NaN equals NaN alone."""
    return {name: (clip.emotion, repr(float(clip.valence))) for name, clip in found.items()} == {
        name: (emotion, repr(float(valence))) for name, (emotion, valence) in expected.items()
    }


def read(tmp_path, corpora, info=MER2023):
    return labels.read_corpus(user_folder.write_labels(tmp_path, corpora), info)


# What the labels mean


def test_emotion_words_follow_the_releases_order(tmp_path):
    words = ("neutral", "angry", "happy", "sad", "worried", "surprise")
    clips = {word: {"emo": word, "val": 0.5} for word in words}
    found = read(tmp_path, {"train_corpus": clips})
    assert same(found["train"], {word: (i, 0.5) for i, word in enumerate(words)})


def test_emotions_as_integers(tmp_path):
    clips = {
        "plain": {"emo": 5, "val": -5},
        "numpy": {"emo": np.int64(3), "val": 5},
        "array": {"emo": np.array(1), "val": 0},
        "digit": {"emo": "4", "val": 1},
    }
    found = read(tmp_path, {"train_corpus": clips})
    expected = {"plain": (5, -5), "numpy": (3, 5), "array": (1, 0), "digit": (4, 1)}
    assert same(found["train"], expected)


def test_corpora_become_splits_and_an_absent_one_stays_absent(tmp_path):
    clip = {"emo": "sad", "val": 1.0}
    corpora = {
        "train_corpus": {"a": clip},
        "test2_corpus": {"b": clip},
        "test3_corpus": {"c": clip},
    }
    found = read(tmp_path, corpora)
    assert {split: list(clips) for split, clips in found.items()} == {
        "train": ["a"],
        "mer_noise": ["b"],
        "mer_semi": ["c"],
    }


@pytest.mark.parametrize("emotion", ["", None, math.nan, np.float32("nan")])
def test_missing_emotion(tmp_path, emotion):
    found = read(tmp_path, {"train_corpus": {"a": {"emo": emotion, "val": 2.0}}})
    assert same(found["train"], {"a": (MISSING, 2.0)})


@pytest.mark.parametrize(
    "valence", ["", None, math.nan, -10, -10.0, np.float64(-10), np.float32("nan"), np.array(-10)]
)
@pytest.mark.parametrize("corpus", ["train_corpus", "test1_corpus"])
def test_missing_valence(tmp_path, valence, corpus):
    found = read(tmp_path, {corpus: {"a": {"emo": "happy", "val": valence}}})
    assert same(found[MER2023.corpora[corpus]], {"a": (2, math.nan)})


def test_a_label_without_a_valence_at_all(tmp_path):
    found = read(tmp_path, {"train_corpus": {"a": {"emo": "angry"}}})
    assert same(found["train"], {"a": (1, math.nan)})


@pytest.mark.parametrize("emotion", ["neutral", 0, np.int64(0)])
@pytest.mark.parametrize("valence", [-10, np.float64(-10)])
def test_a_test_corpus_of_placeholders_has_no_labels(tmp_path, emotion, valence):
    clips = {name: {"emo": emotion, "val": valence} for name in ("a", "b")}
    found = read(tmp_path, {"test1_corpus": clips})
    assert same(found["mer_multi"], {"a": (MISSING, math.nan), "b": (MISSING, math.nan)})


def test_one_true_label_makes_placeholders_neutral(tmp_path):
    clips = {"a": {"emo": "neutral", "val": -10}, "b": {"emo": "sad", "val": -10}}
    found = read(tmp_path, {"test3_corpus": clips})
    assert same(found["mer_semi"], {"a": (0, math.nan), "b": (3, math.nan)})


def test_placeholders_in_train_are_neutral_clips_without_valence(tmp_path):
    found = read(tmp_path, {"train_corpus": user_folder.placeholders(["a", "b"])})
    assert same(found["train"], {"a": (0, math.nan), "b": (0, math.nan)})


def test_each_test_corpus_is_a_placeholder_for_itself(tmp_path):
    corpora = {
        "test1_corpus": user_folder.placeholders(["a"]),
        "test2_corpus": {"b": {"emo": "neutral", "val": 0.0}},
    }
    found = read(tmp_path, corpora)
    assert same(found["mer_multi"], {"a": (MISSING, math.nan)})
    assert same(found["mer_noise"], {"b": (0, 0.0)})


def test_sentiment_classes_are_the_valences_sign(tmp_path):
    valences = {"low": -3, "tiny": -1e-6, "zero": 0.0, "minus_zero": -0.0, "high": np.float32(2.5)}
    # The filler class of the published files says the opposite of the sign, and is not asked.
    clips = {name: {"emo": int(v < 0), "val": v} for name, v in valences.items()}
    clips["absent"] = {"emo": 0, "val": None}
    found = read(tmp_path, {"train_corpus": clips}, CMUMOSI)
    expected = {
        "low": (0, -3),
        "tiny": (0, -1e-6),
        "zero": (1, 0),
        "minus_zero": (1, -0.0),
        "high": (1, 2.5),
        "absent": (MISSING, math.nan),
    }
    assert same(found["train"], expected)


def test_a_corpus_without_valence_ignores_what_stands_there(tmp_path):
    clips = {"a": {"emo": 3, "val": 99.0}, "b": {"emo": "fear", "val": -10}, "c": {"emo": "joy"}}
    found = read(tmp_path, {"val_corpus": clips}, MELD)
    assert same(found["val"], {"a": (3, math.nan), "b": (5, math.nan), "c": (1, math.nan)})


@pytest.mark.parametrize("info", [MER2023, CMUMOSI, MELD])
def test_the_placeholder_is_no_label_in_any_corpus(tmp_path, info):
    key, split = list(info.corpora.items())[-1]
    found = read(tmp_path, {key: user_folder.placeholders(["a", "b"])}, info)
    assert same(found[split], {"a": (MISSING, math.nan), "b": (MISSING, math.nan)})


@pytest.mark.parametrize(
    "clips",
    [
        {"a": {"emo": 3, "val": -10}, "b": {"emo": 3, "val": -10}},  # all neutral, as MELD says it
        {"a": {"emo": "neutral", "val": -10}, "b": {"emo": 3, "val": -10}},
        {"a": {"emo": "neutral", "val": -10}, "b": {"emo": "neutral", "val": 0.0}},
        {"a": {"emo": "neutral"}, "b": {"emo": "neutral"}},
    ],
)
def test_without_valence_neutral_is_a_label_and_no_placeholder(tmp_path, clips):
    found = read(tmp_path, {"test_corpus": clips}, MELD)
    assert same(found["test"], {"a": (3, math.nan), "b": (3, math.nan)})


@pytest.mark.parametrize("filler", ["neutral", "positive", "", None, 0, 7])
def test_an_npz_names_no_class_where_the_valence_tells_it(tmp_path, filler):
    clips = {"a": {"emo": filler, "val": -10}, "b": {"emo": filler, "val": -0.5}}
    for key, split in CMUMOSI.corpora.items():
        found = read(tmp_path, {key: clips}, CMUMOSI)
        assert same(found[split], {"a": (MISSING, math.nan), "b": (0, -0.5)})


# What wrote the pickle


def renamed(pickled, module):
    """The pickle as a NumPy writes it whose arrays live in `module`."""
    ours = np.array(0, object).__reduce__()[0].__module__.encode()
    assert pickled.count(ours) >= 1
    if pickled[1] < 4:
        return pickled.replace(ours, module)
    # Protocol 4 writes lengths: of the name, in one byte, and of an optional frame around all.
    assert pickled[2:3] == pickle.FRAME
    unframed = pickled[:2] + pickled[11:]
    name = pickle.SHORT_BINUNICODE + bytes([len(ours)]) + ours
    return unframed.replace(name, pickle.SHORT_BINUNICODE + bytes([len(module)]) + module)


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_pickles_of_numpy_1_and_2(tmp_path, module, protocol):
    clips = {
        "python": {"emo": "happy", "val": 2.0},
        "float64": {"emo": "sad", "val": np.float64(-1.25)},
        "float32": {"emo": "sad", "val": np.float32(0.5)},
        "float16": {"emo": np.str_("angry"), "val": np.float16(-0.75)},
        "int32": {"emo": np.int32(4), "val": np.int32(-2)},
        "array": {"emo": np.array("worried"), "val": np.array(1.5)},
        "big_endian": {"emo": np.array("neutral", object), "val": np.array(1.5, ">f8")},
    }
    pickled = renamed(pickle.dumps(np.array(clips, object), protocol), module)
    assert (b"_core" in pickled) == (b"_core" in module)
    path = user_folder.write_pickles(tmp_path, {"train_corpus": pickled})
    expected = {
        "python": (2, 2.0),
        "float64": (3, -1.25),
        "float32": (3, 0.5),
        "float16": (1, -0.75),
        "int32": (4, -2),
        "array": (4, 1.5),
        "big_endian": (0, 1.5),
    }
    assert same(labels.read_corpus(path, MER2023)["train"], expected)


# Pickles that would run code


class _Calls:
    """Pickles as a call, which an ordinary unpickler then makes."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def _system(marker):
    return _Calls(os.system, f"touch '{marker}'")


def _eval(marker):
    return _Calls(eval, f"open({str(marker)!r}, 'w').close()")


HOSTILE = {
    "system": lambda marker: pickle.dumps(_system(marker)),
    "eval": lambda marker: pickle.dumps(_eval(marker)),
    "eval, protocol 0": lambda marker: pickle.dumps(_eval(marker), protocol=0),
    "as a label": lambda marker: pickle.dumps({"a": {"emo": _eval(marker), "val": 0.0}}),
    "as a clip's name": lambda marker: pickle.dumps({_system(marker): {"emo": "sad", "val": 0.0}}),
    "in an array": lambda marker: pickle.dumps(np.array({"a": [_system(marker)]}, object)),
    "as an argument": lambda marker: pickle.dumps(_Calls(np.dtype, _system(marker))),
    "instantiated": lambda marker: f"(S\"touch '{marker}'\"\nios\nsystem\n.".encode(),
}


@pytest.mark.parametrize("pickled", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_pickle_is_refused_and_not_run(tmp_path, pickled):
    marker = tmp_path / "marker"
    path = user_folder.write_pickles(tmp_path, {"train_corpus": pickled(marker)})
    with np.load(path, allow_pickle=True) as file, contextlib.suppress(TypeError):
        file["train_corpus"]  # np.dtype dislikes what the call returns, after the call was made
    assert marker.exists(), "the file would not have harmed anyone"
    marker.unlink()
    with pytest.raises(InputError, match=r"label-6way\.npz, train_corpus\.npy: refused") as refusal:
        labels.read_corpus(path, MER2023)
    assert any(name in str(refusal.value) for name in ("system", "eval"))
    assert not marker.exists()


class _Outer:
    class Inner:
        """A class within a class: pickled by a dotted name."""


NEEDLESS = {
    "a class within a class": (pickle.dumps(_Outer.Inner()), "asks for .*_Outer.Inner"),
    "a name behind an allowed one": (
        b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",
        "asks for numpy.ndarray.tofile",
    ),
    # So that later calls of the allowed function do something else.
    "a function's state": (b"cnumpy\ndtype\n}S'_call'\nS'x'\nsb.", "sets the state of a function"),
    "a function's slots": (
        b"cnumpy._core.multiarray\nscalar\n(N}S'_call'\nS'x'\nstb.",
        "sets the state of a function",
    ),
    "a function as a label": (b"}S'a'\ncnumpy\ndtype\ns.", "holds a Stub"),
    "a dtype as a label": (b"}S'a'\ncnumpy\ndtype\n(S'O8'\ntRs.", "holds a DType"),
    "bytes as pointers to objects": (
        b"cnumpy._core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O8'\ntRC\x08AAAAAAAAtR.",
        "raw bytes for objects",
    ),
    "a dtype without values": (b"cnumpy\ndtype\n(S'V8'\ntR.", "an array of dtype 'V8'"),
    "a persistent identity": (b"\x80\x02Pidentity\n.", "persistent"),
    "an extension": (b"\x80\x02\x82\x01.", "unregistered extension code 1"),
}


@pytest.mark.parametrize(("pickled", "reason"), NEEDLESS.values(), ids=NEEDLESS)
def test_what_no_label_file_needs_is_refused(tmp_path, pickled, reason):
    path = user_folder.write_pickles(tmp_path, {"train_corpus": pickled})
    with pytest.raises(InputError, match=f"refused, not a plain label file: .*{reason}") as refusal:
        labels.read_corpus(path, MER2023)
    assert "\n" not in str(refusal.value)


def _laughs():
    """Forty dictionaries, each holding the one before twice: 2**40 entries in 700 bytes."""
    pickled = b"\x80\x02}q\x00"
    for i in range(1, 41):
        before = b"h" + bytes([i - 1]) + b"s"
        pickled += b"}q" + bytes([i]) + b"X\1\0\0\0a" + before + b"X\1\0\0\0b" + before
    return pickled + b"."


def _array_in_array(inner):
    """An object array of shape () that holds what `inner` pushes."""
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tC\1btR"
    return array + b"(K\1)cnumpy\ndtype\n(X\2\0\0\0O8tR\x89]" + inner + b"atb"


TRICKS = {
    "nested name": (b"\x80\x02cnumpy.core.multiarray\nfoo.bar\n.", "asks for .*multiarray.foo.bar"),
    "attribute of an allowed one": (
        b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.", "asks for numpy.dtype.__init__",
    ),
    "getattr": (b"cbuiltins\ngetattr\n(cnumpy\ndtype\nS'_call'\ntR.", "asks for builtins.getattr"),
    "copyreg": (b"ccopyreg\n_reconstructor\n(NNNtR.", "asks for copyreg._reconstructor"),
    "Python 2's names": (b"c__builtin__\neval\n(S'1'\ntR.", "asks for __builtin__.eval"),
    "OBJ": (b"(cos\nsystem\nS'true'\no.", "asks for os.system"),
    "NEWOBJ": (b"\x80\x02cnumpy\ndtype\n)\x81.", "is not a type object"),
    "NEWOBJ_EX": (b"\x80\x04cnumpy\ndtype\n)}\x92.", "is not a type object"),
    "class in the arguments": (
        b"cnumpy.core.multiarray\n_reconstruct\n(cos\nsystem\nK\0tR.", "asks for os.system",
    ),
    "call of a dictionary": (b"\x80\x02})R.", "not callable"),
    "memo never put": (b"\x80\x02h\x09.", "Memo value not found"),
    "memo that is no number": (b"\x80\x02gx\n.", "invalid literal"),
    "memo overwritten by a function": (b"}q\x00cnumpy\ndtype\nq\x00h\x00.", "holds a Stub"),
    "dictionary in itself": (b"}q\x00X\1\0\0\0ah\x00s.", "holds a dict"),
    "dictionary as its own key": (b"}q\x00h\x00h\x00s.", "unhashable"),
    "list in itself": (b"]q\x00h\x00a.", "holds a list"),
    "array in itself": (
        _array_in_array(b"h\x00").replace(b"tR(K\1", b"tRq\x00(K\1", 1) + b".", "recursion",
    ),
    "list in an array in an array": (_array_in_array(_array_in_array(b"]")) + b".", "holds a list"),
    "function in an array in an array": (
        _array_in_array(_array_in_array(b"cnumpy\ndtype\n")) + b".", "holds a Stub",
    ),
    "dictionaries of dictionaries": (_laughs(), "holds a dict"),
    "a hundred thousand dictionaries": (b"}N" * 100_000 + b"N" + b"s" * 100_000 + b".", "."),
    "a hundred thousand tuples": (b")" + b"\x85" * 100_000 + b".", "holds a tuple"),
    "number of a hundred thousand digits": (b"I" + b"9" * 100_000 + b"\n.", "Exceeds the limit"),
    "state of a dictionary": (b"}}X\1\0\0\0aK\1sb.", "has no attribute '__dict__'"),
    "state of an array that is no state": (
        b"cnumpy\nndarray\n)R}b.", "expected 5",
    ),
    "state of a dtype that is no state": (b"cnumpy\ndtype\n(X\2\0\0\0f8tRNb.", "subscriptable"),
    "array that holds too little": (
        _array_in_array(b"N").replace(b"K\1)", b"K\1K\x09\x85", 1) + b".", "size is not its",
    ),
    "persistent identity from the stack": (b"\x80\x02K\x01Q.", "persistent"),
    "extension of two bytes": (b"\x80\x02\x83\x01\x00.", "unregistered extension code 1"),
    "extension below zero": (b"\x80\x02\x84\xff\xff\xff\xff.", "EXT specifies code <= 0"),
    "STACK_GLOBAL of numbers": (b"\x80\x04K\x01K\x02\x93.", "STACK_GLOBAL requires str"),
    "STACK_GLOBAL of functions": (
        b"\x80\x04cnumpy\ndtype\ncnumpy\ndtype\n\x93.", "STACK_GLOBAL requires str",
    ),
    "STACK_GLOBAL of nothing": (b"\x80\x04\x93.", "pop from empty list"),
    "exabytes": (b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f.", "ends too early"),
    "exabytes of text": (b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.", "ends too early"),
    "buffer from outside": (b"\x80\x05\x97.", "out-of-band"),
    "protocol of the future": (b"\x80\xff}.", "unsupported pickle protocol: 255"),
    "codec that is none": (
        b"c_codecs\nencode\n(X\1\0\0\0aX\5\0\0\0rot13tR.", "encodes as 'rot13'",
    ),
    "set": (b"\x80\x04\x8f.", "holds a set"),
    "no end": (b"}", "ends too early"),
    "nothing": (b"", "ends too early"),
}  # fmt: skip


@pytest.mark.parametrize(("pickled", "reason"), TRICKS.values(), ids=TRICKS)
def test_a_pickles_tricks_come_to_nothing(tmp_path, pickled, reason):
    path = user_folder.write_pickles(tmp_path, {"train_corpus": pickled})
    with pytest.raises(InputError, match=f"refused, not a plain label file: .*{reason}") as refusal:
        labels.read_npz(path)
    assert "\n" not in str(refusal.value)


# Files that are damaged or something else


def test_a_memo_index_takes_no_memory(tmp_path):
    """LONG_BINPUT at index 2**31 - 1: an unpickler with an array for a memo would take 34 GB."""
    bomb = b"\x80\x02}r\xff\xff\xff\x7f."
    path = user_folder.write_pickles(tmp_path, {"train_corpus": bomb})
    limit, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, hard))
    try:
        assert labels.read_npz(path) == {"train_corpus": {}}
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def test_a_truncated_npz_is_refused_wherever_it_ends(tmp_path):
    path = user_folder.write_labels(tmp_path, {"train_corpus": user_folder.labelled(["a", "b"])})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"label-6way\.npz"):
            labels.read_npz(path)


def test_a_damaged_npz_is_refused_or_reads_as_it_was(tmp_path):
    path = user_folder.write_labels(tmp_path, {"train_corpus": user_folder.labelled(["a", "b"])})
    whole = path.read_bytes()
    intact = labels.read_npz(path)
    refused = 0
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0xB5
        path.write_bytes(damaged)
        try:
            assert labels.read_npz(path) == intact
        except InputError:
            refused += 1
    assert refused > len(whole) / 2  # the content is under a checksum, dates are not


def test_an_archive_whose_names_are_no_text(tmp_path):
    path = user_folder.write_labels(tmp_path, {"train_corpus": user_folder.labelled(["a", "b"])})
    damaged = bytearray(path.read_bytes())
    entry = damaged.index(b"PK\x01\x02")
    damaged[entry + 9] |= 0x08  # says that the name is UTF-8
    damaged[entry + 46] = 0xFF
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="not a readable npz file: 'utf-8' codec"):
        labels.read_npz(path)


@pytest.mark.parametrize("content", [b"", b"name,discrete,valence\n", pickle.dumps({"a": 1})])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "label.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"label\.npz: not a readable npz file"):
        labels.read_npz(path)


def test_arrays_that_are_no_dictionaries_are_refused(tmp_path):
    np.savez(tmp_path / "label.npz", train_corpus=np.zeros(3))
    with pytest.raises(InputError, match=r"expected one pickled dictionary, found float64 \(3,\)"):
        labels.read_npz(tmp_path / "label.npz")
    np.savez(tmp_path / "label.npz", train_corpus=np.array(None))
    with pytest.raises(InputError, match="expected a dictionary, found NoneType"):
        labels.read_npz(tmp_path / "label.npz")
    user_folder.write_pickles(tmp_path, {"train_corpus": pickle.dumps([("a", "sad")])})
    with pytest.raises(InputError, match="holds a list"):
        labels.read_npz(tmp_path / user_folder.LABEL_FILE)


def test_the_label_file_of_mer2023_goes_first(tmp_path):
    with pytest.raises(InputError, match=r"no label file; expected label-6way\.npz or label\.npz"):
        labels.find_label_file(tmp_path)
    other = user_folder.write_labels(tmp_path, {}, name="label.npz")
    assert labels.find_label_file(tmp_path) == other
    first = user_folder.write_labels(tmp_path, {})
    assert labels.find_label_file(tmp_path) == first


# Labels that say something impossible


@pytest.mark.parametrize("emotion", ["contempt", "Happy", 6, -1, "6", 2.5, True])
def test_an_emotion_outside_the_classes(tmp_path, emotion):
    with pytest.raises(
        InputError, match=r"train_corpus, clip: emotion .* outside the classes neut"
    ):
        read(tmp_path, {"train_corpus": {"clip": {"emo": emotion, "val": 0.0}}})


@pytest.mark.parametrize("valence", [5.01, -5.01, math.inf, np.float64(-9), "-7"])
def test_a_valence_out_of_range(tmp_path, valence):
    with pytest.raises(InputError, match=r"train_corpus, clip: valence .* is outside \[-5, 5\]"):
        read(tmp_path, {"train_corpus": {"clip": {"emo": "sad", "val": valence}}})


def test_the_range_is_the_corpuss_own(tmp_path):
    with pytest.raises(InputError, match=r"valence 3\.5 is outside \[-3, 3\]"):
        read(tmp_path, {"test_corpus": {"clip": {"emo": 0, "val": 3.5}}}, CMUMOSI)


@pytest.mark.parametrize("valence", ["low", True])
def test_a_valence_that_is_no_number(tmp_path, valence):
    with pytest.raises(InputError, match=r"clip: valence .* is not a number"):
        read(tmp_path, {"train_corpus": {"clip": {"emo": "sad", "val": valence}}})


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)", "+cmd|' C'!A0", "-2+3", "=HYPERLINK(x)"])
def test_a_name_that_a_spreadsheet_would_compute(tmp_path, name):
    with pytest.raises(InputError, match=r"train_corpus: the name .* is a formula to a spreadshee"):
        read(tmp_path, {"train_corpus": {name: {"emo": "sad", "val": 0.0}}})


@pytest.mark.parametrize("name", ["-3g5yACwYnA_10", "-a b.1", "+1", "=", "@home", "a=b(c)", "-été"])
def test_a_name_with_a_sign_alone_is_a_name(tmp_path, name):
    found = read(tmp_path, {"train_corpus": {name: {"emo": "sad", "val": 0.0}}})
    assert list(found["train"]) == [name]


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", "a\\b", "a\nb", "a\0b", 7, None])
def test_a_name_that_is_no_file_name(tmp_path, name):
    with pytest.raises(InputError, match=r"separator or a control character|is no name of a clip"):
        read(tmp_path, {"train_corpus": {name: {"emo": "sad", "val": 0.0}}})


def test_names_that_stand_in_two_corpora_are_counted(tmp_path):
    corpora = {
        "train_corpus": user_folder.labelled(["a", "b", "c", "d", "e"]),
        "test2_corpus": user_folder.labelled(["x", "b", "c", "d", "e"]),
    }
    with pytest.raises(
        InputError, match=r"4 duplicate names stand in train and in mer_noise: b, c, d, \.\.\.$"
    ):
        read(tmp_path, corpora)


def test_an_unknown_corpus_names_those_there_are(tmp_path):
    with pytest.raises(InputError, match=r"unknown corpus 'test4_corpus'; mer2023 has: train_corp"):
        read(tmp_path, {"test4_corpus": {}, "train_corpus": {}})


@pytest.mark.parametrize("corpora", [{}, {"train_corpus": {}}])
def test_a_file_without_clips(tmp_path, corpora):
    with pytest.raises(InputError, match=r"holds no clip of train_corpus, val_corpus, test_corpus"):
        read(tmp_path, corpora, MELD)


@pytest.mark.parametrize("entry", ["sad", 3, {"val": 1.0}, {"label": "sad"}])
def test_an_entry_that_is_no_label(tmp_path, entry):
    with pytest.raises(InputError, match=r"train_corpus, clip: expected .*'emo'.*, found"):
        read(tmp_path, {"train_corpus": {"clip": entry}})


# Labels that come later


def given(tmp_path, text, info=MER2023):
    path = tmp_path / "later.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return labels.read_given(path, info)


def test_a_csv_in_the_form_of_a_submission(tmp_path):
    text = "name,discrete,valence\na,happy,1.5\nb,,-2\nc,sad,\n\nd,5,-10\ne,neutral,nan\n"
    expected = {
        "a": (2, 1.5),
        "b": (MISSING, -2),
        "c": (3, math.nan),
        "d": (5, math.nan),
        "e": (0, math.nan),
    }
    assert same(given(tmp_path, text)[""], expected)


def test_a_csv_with_other_columns_and_a_byte_order_mark(tmp_path):
    found = given(tmp_path, b'\xef\xbb\xbfvalence,comment,name\r\n0.25,"so, so",a\r\n')
    assert same(found[""], {"a": (MISSING, 0.25)})
    found = given(tmp_path, "name,discrete\na,worried\n")
    assert same(found[""], {"a": (4, math.nan)})


def test_a_csv_of_a_sentiment_corpus(tmp_path):
    text = "name,discrete,valence\na,negative,0.5\nb,positive,\nc,,-0.5\n"
    # Where both stand the valence decides; a word alone is taken as the class.
    assert same(
        given(tmp_path, text, CMUMOSI)[""], {"a": (1, 0.5), "b": (1, math.nan), "c": (0, -0.5)}
    )


def test_a_csv_of_neutral_clips_is_no_placeholder(tmp_path):
    found = given(tmp_path, "name,discrete,valence\na,neutral,-10\nb,neutral,-10\n")
    assert same(found[""], {"a": (0, math.nan), "b": (0, math.nan)})


def test_an_npz_given_later_reads_by_split(tmp_path):
    clips = {"a": {"emo": "sad", "val": 1.0}}
    path = user_folder.write_labels(tmp_path, {"test1_corpus": clips}, name="later.npz")
    found = labels.read_given(path, MER2023)
    assert found.keys() == {"mer_multi"}
    assert found["mer_multi"] == {"a": Label(3, 1.0)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "first line must be name,discrete,valence"),
        ("clip,discrete,valence\na,sad,1\n", "first line must be name,discrete,valence"),
        ("name,emotion\na,sad\n", "first line must be name,discrete,valence"),
        ("name,discrete\na,sad\nb,sad,1\n", "line 3 has 3 cells, the header 2"),
        ("name,discrete\na,sad\nb,sad\na,happy\n", "line 4: duplicate name 'a'"),
        ("name,discrete\na,glad\n", "a: emotion 'glad' is outside the classes"),
        ("name,valence\na,7\n", "a: valence 7.0 is outside"),
        ('name,discrete\n"a,sad\n', "not a CSV file"),
        (b"name,discrete\n\xff\xfe,sad\n", "not a CSV file"),
    ],
)
def test_a_csv_that_is_wrong(tmp_path, text, sentence):
    with pytest.raises(InputError, match=r"later\.csv") as refusal:
        given(tmp_path, text)
    assert sentence in str(refusal.value)


def test_labels_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match=r"absent\.csv: no such label file"):
        labels.read_given(tmp_path / "absent.csv", MER2023)
