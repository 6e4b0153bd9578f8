"""Pickled dictionaries are read by an allow-list; what could run code is refused, and not run."""

import contextlib
import os
import pickle
import resource

import numpy as np
import pytest

from mer_jax.data import pickles
from mer_jax.errors import InputError
from tests.support import user_folder

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
        pickles.read_npz(path)
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
        pickles.read_npz(path)
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
        pickles.read_npz(path)
    assert "\n" not in str(refusal.value)


# Files that are damaged or something else


def test_a_memo_index_takes_no_memory(tmp_path):
    """LONG_BINPUT at index 2**31 - 1: an unpickler with an array for a memo would take 34 GB."""
    bomb = b"\x80\x02}r\xff\xff\xff\x7f."
    path = user_folder.write_pickles(tmp_path, {"train_corpus": bomb})
    limit, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, hard))
    try:
        assert pickles.read_npz(path) == {"train_corpus": {}}
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def test_a_truncated_npz_is_refused_wherever_it_ends(tmp_path):
    path = user_folder.write_labels(tmp_path, {"train_corpus": user_folder.labelled(["a", "b"])})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"label-6way\.npz"):
            pickles.read_npz(path)


def test_a_damaged_npz_is_refused_or_reads_as_it_was(tmp_path):
    path = user_folder.write_labels(tmp_path, {"train_corpus": user_folder.labelled(["a", "b"])})
    whole = path.read_bytes()
    intact = pickles.read_npz(path)
    refused = 0
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0xB5
        path.write_bytes(damaged)
        try:
            assert pickles.read_npz(path) == intact
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
        pickles.read_npz(path)


@pytest.mark.parametrize("content", [b"", b"name,discrete,valence\n", pickle.dumps({"a": 1})])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "label.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"label\.npz: not a readable npz file"):
        pickles.read_npz(path)


def test_arrays_that_are_no_dictionaries_are_refused(tmp_path):
    np.savez(tmp_path / "label.npz", train_corpus=np.zeros(3))
    with pytest.raises(InputError, match=r"expected one pickled dictionary, found float64 \(3,\)"):
        pickles.read_npz(tmp_path / "label.npz")
    np.savez(tmp_path / "label.npz", train_corpus=np.array(None))
    with pytest.raises(InputError, match="expected a dictionary, found NoneType"):
        pickles.read_npz(tmp_path / "label.npz")
    user_folder.write_pickles(tmp_path, {"train_corpus": pickle.dumps([("a", "sad")])})
    with pytest.raises(InputError, match="holds a list"):
        pickles.read_npz(tmp_path / user_folder.LABEL_FILE)
