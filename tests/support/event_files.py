"""Event files read back: TFRecord's framing here, the messages by their protocol buffers."""

import pathlib
import struct

from tensorboardX.proto.event_pb2 import Event


def events_of(path: pathlib.Path) -> list[Event]:
    """Every event of a file: length, its checksum, the message, its checksum."""
    content, events = path.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        events.append(Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    return events


def values_of(folder: pathlib.Path) -> dict[str, list]:
    """The summaries of a run, by tag: (step, value message) in the order of the file."""
    (path,) = folder.glob("events.out.tfevents.*")
    events = events_of(path)
    assert events[0].file_version == "brain.Event:2"
    found: dict[str, list] = {}
    for event in events[1:]:
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value))
    return found


def scalars_of(folder: pathlib.Path) -> dict[str, list[tuple[int, float]]]:
    """The scalars of a run, by tag: (step, value) in the order of the file."""
    return {
        tag: [(step, value.simple_value) for step, value in values]
        for tag, values in values_of(folder).items()
        if values[0][1].HasField("simple_value")
    }


def runs_in(folder: pathlib.Path) -> list[str]:
    """The folders that hold event files, as TensorBoard names them."""
    paths = folder.rglob("events.out.tfevents.*")
    return sorted(str(path.parent.relative_to(folder)) for path in paths)
