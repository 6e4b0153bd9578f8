"""Media files with known signals, written by PyAV; the extra `extract` is needed."""

import contextlib
import fractions
import pathlib
import struct

import numpy as np

RATE = 16_000


def tone(seconds, hertz=440.0, rate=RATE, amplitude=0.5):
    """A sine as float64 [S]."""
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def gradient(height, width, level=0):
    """An image [H, W, 3] whose corners differ: red grows to the right, green downwards."""
    image = np.full((height, width, 3), level, np.uint8)
    image[..., 0] = np.linspace(0, 255, width)[None, :]
    image[..., 1] = np.linspace(0, 255, height)[:, None]
    return image


@contextlib.contextmanager
def writing(path, container=None):
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=container) as output:
        yield output


def write(path, audio=None, images=None, **how):
    """Writes a media file, whichever of the two there is; returns its path.

    Args:
      path: of which the suffix says the container.
      audio: samples [C, S] in [-1, 1], or [S].
      images: RGB uint8 images [H, W, 3] (with `pixels` of alpha [H, W, 4]).
      how: audio_codec, rate, sample_format; video_codec, pixels, fps, times (in seconds, of each
        image), options.
    """
    path = pathlib.Path(path)
    with writing(path, how.get("container")) as output:
        streams = []
        if images is not None:
            streams.append(_video_stream(output, images, how))
        if audio is not None:
            streams.append(_audio_stream(output, np.atleast_2d(audio), how))
        for stream, frames in streams:
            for frame in frames:
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    return path


def _video_stream(output, images, how):
    import av

    fps = how.get("fps", 25)
    stream = output.add_stream(
        how.get("video_codec", "libx264"), rate=fps, options=how.get("options", {})
    )
    stream.height, stream.width = images[0].shape[:2]
    stream.pix_fmt = how.get("pixels", "yuv420p")
    base = fractions.Fraction(1, 1000) if how.get("times") else fractions.Fraction(1, fps)
    stream.codec_context.time_base = base

    def frames():
        for i, image in enumerate(images):
            known = {1: "gray", 3: "rgb24", 4: "rgba"}[image.shape[2] if image.ndim == 3 else 1]
            frame = av.VideoFrame.from_ndarray(image, format=known)
            frame.time_base = base
            frame.pts = round(how["times"][i] * 1000) if how.get("times") else i
            yield frame

    return stream, frames()


def _audio_stream(output, audio_CxS, how):
    import av

    rate = how.get("rate", RATE)
    channels = len(audio_CxS)
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    codec = how.get("audio_codec", "aac")
    stream = output.add_stream(codec, rate=rate, layout=layout)
    if "sample_format" in how:
        stream.format = how["sample_format"]
    size = stream.codec_context.frame_size or 1024

    def frames():
        for start in range(0, audio_CxS.shape[1], size):
            part = np.ascontiguousarray(audio_CxS[:, start : start + size], np.float32)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, start
            frame.time_base = fractions.Fraction(1, rate)
            yield from resampler.resample(frame)
        yield from resampler.resample(None)

    resampler = av.AudioResampler(format=stream.format, layout=layout, rate=rate, frame_size=size)
    return stream, frames()


def write_wav(path, samples_SxC, rate=RATE, kind="i2"):
    """Writes a plain WAV file of integers (u1, i2, i4) or floats (f4, f8) as they are given."""
    if samples_SxC.ndim == 1:
        samples_SxC = samples_SxC[:, None]
    samples = np.ascontiguousarray(samples_SxC.astype(f"<{kind}"))
    channels, width = samples.shape[1], samples.itemsize
    code = 3 if kind.startswith("f") else 1
    body = samples.tobytes()
    header = struct.pack("<HHIIHH", code, channels, rate, rate * channels * width,
                         channels * width, 8 * width)  # fmt: skip
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + header + b"data" + struct.pack("<I", len(body))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks) + len(body)) + chunks + body)
    return path


def rotate(path, degrees):
    """Writes into an mp4 that its video is to be shown turned clockwise by so many degrees."""
    quarter = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    a, b, c, d = (each * 0x10000 for each in quarter)
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 4 + 40  # its type; version, times, identity, layer, volume
    content[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(content)
    return path


def truncate(path, share):
    """Cuts a file to a share of its bytes."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def flip(path, count, start=0.3, stop=0.9):
    """Flips `count` bytes of a file, evenly between two shares of its length."""
    content = bytearray(path.read_bytes())
    for place in np.linspace(start * len(content), stop * len(content), count).astype(int):
        content[place] ^= 0xFF
    path.write_bytes(content)
    return path
