"""Weights out of an ONNX file: its named arrays, read without ONNX's package, and nothing is run.

An ONNX file is a protocol buffer. Of onnx.proto three messages are read: the model (field 7: its
graph), the graph (field 5: its initialisers) and the tensor.
"""

import pathlib
from collections.abc import Iterator

import numpy as np

from mer_jax.errors import InputError

_GRAPH, _INITIALISER = 7, 5
_DIMS, _KIND, _FLOATS, _NAME, _RAW = 1, 2, 4, 8, 9  # of a tensor
_FLOAT32 = 1  # the kind
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5  # how a field is written


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The float32 arrays of a file by name; other kinds, such as shapes, are left out.

    Raises InputError for what is no ONNX file, is cut off or holds no such array.
    """
    try:
        content = path.read_bytes()
        found = dict(
            _tensor(tensor)
            for number, graph in _fields(memoryview(content))
            if number == _GRAPH
            for number_within, tensor in _fields(graph)
            if number_within == _INITIALISER and _is_float(tensor)
        )
        if not found:
            raise ValueError("it holds no arrays")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, IndexError, TypeError) as error:
        raise InputError(f"{path}: not an ONNX file with weights: {error}") from None
    return found


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message: their numbers, and numbers or bytes."""
    if not isinstance(message, memoryview):
        raise ValueError("a number stands where a message should")
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, form = tag >> 3, tag & 7
        if form == _VARINT:
            value, at = _varint(message, at)
        elif form in (_BYTES, _EIGHT, _FOUR):
            length = {_EIGHT: 8, _FOUR: 4}.get(form)
            if length is None:
                length, at = _varint(message, at)
            if at + length > len(message):
                raise ValueError("it is cut off")
            value, at = message[at : at + length], at + length
        else:
            raise ValueError(f"a field is written in an unknown form ({form})")
        yield number, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while shift < 64:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("a number is too long")


def _is_float(tensor: memoryview) -> bool:
    return any(number == _KIND and value == _FLOAT32 for number, value in _fields(tensor))


def _tensor(tensor: memoryview) -> tuple[str, np.ndarray]:
    """The name and the values of a tensor of float32."""
    name, shape, content = "", [], b""
    for number, value in _fields(tensor):
        if number == _NAME:
            name = bytes(value).decode()
        elif number == _DIMS and isinstance(value, int):
            shape.append(value)
        elif number == _DIMS:  # packed: one after another
            at = 0
            while at < len(value):
                size, at = _varint(value, at)
                shape.append(size)
        elif number in (_RAW, _FLOATS):
            content += bytes(value)
    return name, np.frombuffer(content, "<f4").reshape(shape)
