"""ONNX files, written as protocol buffers by hand: named arrays, and nodes between them."""

import numpy as np


def varint(value):
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def field(number, value):
    """A field of a message: a number, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name, array, packed=False, raw=True):
    array = np.asarray(array, np.float32)
    dims = b"".join(map(varint, array.shape))
    content = field(1, dims) if packed else b"".join(field(1, size) for size in array.shape)
    content += field(2, 1) + field(8, name.encode())
    return content + field(9 if raw else 4, array.astype("<f4").tobytes())


def shape_tensor(name, values):
    """One of whole numbers (int64), as graphs have beside their weights."""
    content = np.asarray(values, "<i8").tobytes()
    return field(1, len(values)) + field(2, 7) + field(8, name.encode()) + field(9, content)


def node(kind, inputs, outputs):
    content = b"".join(field(1, name.encode()) for name in inputs)
    content += b"".join(field(2, name.encode()) for name in outputs)
    return content + field(4, kind.encode())


def value(name, shape):
    dims = b"".join(field(1, field(1, size)) for size in shape)
    return field(1, name.encode()) + field(2, field(1, field(1, 1) + field(2, dims)))


def write(path, arrays=(), nodes=(), inputs=(), outputs=(), **how):
    """Writes a model of these arrays (a dictionary), nodes, inputs and outputs; its path."""
    graph = b"".join(field(1, each) for each in nodes) + field(2, b"graph")
    graph += b"".join(field(5, tensor(name, each, **how)) for name, each in dict(arrays).items())
    graph += field(5, shape_tensor("shape", [1, 2]))
    graph += b"".join(field(11, each) for each in inputs)
    graph += b"".join(field(12, each) for each in outputs)
    opset = field(1, b"") + field(2, 13)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(field(1, 8) + field(7, graph) + field(8, opset))
    return path
