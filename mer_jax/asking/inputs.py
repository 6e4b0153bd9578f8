"""What is asked about: a CSV of texts, images, frames and videos, and their form in a request."""

import base64
import io
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from mer_jax import extras
from mer_jax.errors import InputError
from mer_jax.scoring import lists, tables

MEDIA = ("image", "images", "frames", "video")
_MIME = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


class Input(NamedTuple):
    """A line of the CSV; paths are checked, not read."""

    name: str
    cells: dict[str, str]
    images: tuple[pathlib.Path, ...]  # of image, images or frames
    video: pathlib.Path | None
    where: str

    @property
    def has_media(self) -> bool:
        """Whether there is anything to see."""
        return bool(self.images) or self.video is not None

    def text(self, key: str) -> str:
        """The text of a column; InputError where it is empty."""
        text = self.cells.get(key, "").strip()
        if not text:
            raise InputError(f"{self.where}: the column {key} is empty")
        return text

    def words(self) -> list[str]:
        """The words of the column `words`, printed as a Python list or between commas."""
        text = self.text("words")
        try:
            return lists.literal(text)
        except lists.NoListError:
            return lists.mer2025(text)


def read_inputs(path: pathlib.Path, needed: Sequence[str], needs_media: bool) -> list[Input]:
    """The inputs of a CSV with `name` and the columns `needed`, in their order.

    Raises InputError for a missing column, a name twice, and a file that is not there.
    """
    table = tables.read_table(path, ("name", *needed))
    if needs_media and not set(MEDIA) & set(table.columns):
        raise InputError(
            f"{path}: none of the columns {', '.join(MEDIA)}; found: {','.join(table.columns)}"
        )
    found = []
    for name, row in tables.by_name(table, "input").items():
        where = f"{table.where(row)}, {name}"
        cells = {column: row.cells[column].strip() for column in table.columns}
        images: list[pathlib.Path] = []
        for cell in (cells.get("image", ""), *cells.get("images", "").split(";")):
            if cell.strip():
                images.append(_there(path.parent / cell.strip(), where))
        if cells.get("frames"):
            images += _frames_of(path.parent / cells["frames"], where)
        video = _there(path.parent / cells["video"], where) if cells.get("video") else None
        if needs_media and not images and video is None:
            raise InputError(f"{where}: {' and '.join(MEDIA)} are empty; there is nothing to see")
        found.append(Input(name, cells, tuple(images), video, where))
    return found


def _there(path: pathlib.Path, where: str) -> pathlib.Path:
    if not path.is_file():
        raise InputError(f"{where}: no file {path}; paths are relative to the CSV's folder")
    return path


def _frames_of(folder: pathlib.Path, where: str) -> list[pathlib.Path]:
    if not folder.is_dir():
        raise InputError(f"{where}: no folder {folder}; frames names one with images")
    frames = sorted(child for child in folder.iterdir() if child.suffix.lower() in _SUFFIXES)
    if not frames:
        raise InputError(f"{where}: the folder {folder} holds no images ({', '.join(_SUFFIXES)})")
    return frames


def evenly(items: Sequence[Any], count: int) -> list[Any]:
    """`count` of the items: cut to a multiple of it, the first of each part; all if fewer."""
    size = len(items) // count
    return list(items) if size == 0 else [items[i * size] for i in range(count)]


def pictures(of: Input, frames: int, max_side: int) -> list[dict[str, Any]]:
    """The images of an input as parts of a message; of a video and of frames, `frames` of them.

    JPEG and PNG files go as they are, unless a side is above `max_side` (0: no bound); others
    become PNG.
    """
    if of.video is not None:
        contents = [_encoded(image, max_side) for image in _video_frames(of.video, frames)]
    else:
        chosen = evenly(of.images, frames) if of.cells.get("frames") else of.images
        contents = [_file(path, max_side) for path in chosen]
    return [
        {
            "type": "image_url",
            "image_url": {"url": f"data:{mime};base64,{base64.b64encode(content).decode()}"},
        }
        for mime, content in contents
    ]


def _file(path: pathlib.Path, max_side: int) -> tuple[str, bytes]:
    content = path.read_bytes()
    mime = next((mime for start, mime in _MIME.items() if content.startswith(start)), None)
    if mime and not max_side:
        return mime, content
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            if mime and max(image.size) <= max_side:
                return mime, content
            return _encoded(image, max_side, mime)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not a readable image: {error}") from None


def _encoded(image: Any, max_side: int, mime: str | None = None) -> tuple[str, bytes]:
    """An image of Pillow's as a file's content, its longer side at most `max_side`."""
    if max_side and max(image.size) > max_side:
        scale = max_side / max(image.size)
        image = image.resize([max(round(side * scale), 1) for side in image.size])
    buffer = io.BytesIO()
    mime = mime or "image/png"
    mode = "RGB" if mime == "image/jpeg" or image.mode not in ("L", "RGB", "RGBA") else image.mode
    image.convert(mode).save(buffer, mime.removeprefix("image/").upper())
    return mime, buffer.getvalue()


def _video_frames(path: pathlib.Path, count: int) -> list[Any]:
    """`count` frames of a video, evenly, as images of Pillow's."""
    otherwise = "or give a folder of images in the column frames"
    av = extras.load("av", "video", f"{path}: reading a video", otherwise)
    try:
        with av.open(str(path)) as video:
            if not video.streams.video:
                raise InputError(f"{path}: holds no video stream; give a video, or leave it empty")
            total = sum(1 for _ in video.decode(video=0))
        wanted = set(evenly(range(total), count))
        with av.open(str(path)) as video:
            frames = enumerate(video.decode(video=0))
            found = [frame.to_image() for i, frame in frames if i in wanted]
    except (OSError, ValueError) as error:  # PyAV's errors are one of these
        raise InputError(f"{path}: not a readable video: {error}") from None
    if not found:
        raise InputError(f"{path}: holds no frame")
    return found
