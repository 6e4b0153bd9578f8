"""What extraction costs against how the field does it: ratios, measured in turn in one run.

    PYTHONPATH=. python benchmarks/extract.py --json=extract.json [--quick] [--parts=audio,images]

Every part makes its own media, does the same work in two ways in turn, the first of a round
alternating, and gives the medians of both and of the rounds' ratios. Processor time includes that
of child processes; other work on the machine slows both ways alike.
"""

from __future__ import annotations

import argparse
import dataclasses
import fractions
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import machine
import numpy as np

from mer_jax import extraction
from mer_jax.extraction import audio, clips, engine
from mer_jax.extraction.record import IMAGES, Extractor
from mer_jax.extraction.sets import Settings, Wanted

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Spent(NamedTuple):
    """What some work took."""

    seconds: float
    processor_s: float  # of all threads and of child processes that ended


def measure(work: Callable[[], Any], calls: int = 1) -> Spent:
    """What a call takes, of so many: the system counts processor time in hundredths of a second."""
    before, start = os.times(), time.perf_counter()
    for _ in range(calls):
        work()
    seconds, after = time.perf_counter() - start, os.times()
    return Spent(seconds / calls, (sum(after[:4]) - sum(before[:4])) / calls)


def compare(ways: Mapping[str, Callable[[], Any]], rounds: int, calls: int = 1) -> dict[str, Any]:
    """Two ways in turn: medians of each, and of how many times as much the second takes."""
    for work in ways.values():  # what is loaded once is no cost of a clip's
        work()
    spent: dict[str, list[Spent]] = {name: [] for name in ways}
    for i in range(rounds):
        for name in list(ways)[:: 1 if i % 2 else -1]:
            spent[name].append(measure(ways[name], calls))
    first, second = spent.values()
    found: dict[str, Any] = {}
    for field in Spent._fields:
        ratios = [getattr(b, field) / getattr(a, field) for a, b in zip(first, second, strict=True)]
        medians = {name: statistics.median(getattr(s, field) for s in spent[name]) for name in ways}
        found[field] = {**medians, "ratio": statistics.median(ratios)}
    return found


def write_mp4(path: pathlib.Path, seconds: float, height: int, width: int) -> None:
    """A clip as a camera gives it: h264 at 30 frames a second, AAC of 48 kHz in two channels."""
    import av

    generator = np.random.default_rng(0)
    base = generator.integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    image = np.kron(base, np.ones((16, 16, 1), np.uint8))
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=30, options={"preset": "veryfast"})
        video.height, video.width = image.shape[:2]
        video.pix_fmt = "yuv420p"
        sound = output.add_stream("aac", rate=48_000, layout="stereo")
        for i in range(round(30 * seconds)):
            frame = av.VideoFrame.from_ndarray(np.roll(image, 4 * i, axis=1), format="rgb24")
            output.mux(video.encode(frame))
        for i in range(round(seconds * 48_000 / 1024)):
            noise = generator.normal(0, 0.1, (2, 1024)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 48_000, 1024 * i
            frame.time_base = fractions.Fraction(1, 48_000)
            output.mux(sound.encode(frame))
        for stream in (video, sound):
            output.mux(stream.encode(None))


def of_audio(folder: pathlib.Path, quick: bool) -> dict[str, Any]:
    """A clip's audio at 16 kHz: in this process, against ffmpeg's own to a WAV that is read."""
    import imageio_ffmpeg
    import soundfile

    program = imageio_ffmpeg.get_ffmpeg_exe()
    path, wav = folder / "a.mp4", folder / "a.wav"
    write_mp4(path, 3.3, 720, 1280)

    def ours():
        return audio.read(path)

    def ffmpeg():
        command = [program, "-loglevel", "error", "-y", "-i", str(path), "-ac", "1", "-ar", "16000"]
        subprocess.run([*command, str(wav)], check=True)
        return soundfile.read(wav, dtype="float32")[0]

    return compare({"mer_jax": ours, "ffmpeg": ffmpeg}, 3 if quick else 9, calls=2 if quick else 20)


@dataclasses.dataclass(frozen=True)
class _Mean:
    """An extractor that costs next to nothing: what is left is decoding."""

    size: int = 3
    manifest: Mapping[str, Any] = dataclasses.field(
        default_factory=lambda: {"model": "mean", "settings": {}, "versions": {}}
    )

    def extract(self, decoded):
        """The mean colour of each image."""
        return [np.stack([image[::16, ::16].mean((0, 1)) for image in decoded[0].images])]


def of_images(folder: pathlib.Path, quick: bool) -> dict[str, Any]:
    """Three sets of a clip's images: one pass over it, against one for each."""
    (folder / "clips").mkdir()
    write_mp4(folder / "clips" / "a.mp4", 3.3, 720, 1280)
    listed = clips.of_folder(folder / "clips")
    sets = [
        Wanted(
            Extractor(f"Mean-{i}", "video", IMAGES, lambda _: _Mean(), "", "", f"mean{i}_UTT"),
            Settings(),
        )
        for i in range(3)
    ]

    def together():
        with tempfile.TemporaryDirectory(dir=folder) as out:
            engine.run(sets, listed, pathlib.Path(out))

    def apart():
        for each in sets:
            with tempfile.TemporaryDirectory(dir=folder) as out:
                engine.run([each], listed, pathlib.Path(out))

    return compare({"together": together, "apart": apart}, 1 if quick else 7)


def of_resuming(folder: pathlib.Path, quick: bool) -> dict[str, Any]:
    """The whole command over a folder of 1,000 clips in which nothing is left to do."""
    import soundfile

    count = 50 if quick else 1000
    (folder / "clips").mkdir()
    for i in range(count):
        soundfile.write(folder / "clips" / f"clip_{i:04}.wav", np.zeros(800), 16_000)
    of_paper = extraction.EXTRACTORS["eGeMAPS"]
    made = dataclasses.replace(of_paper, make=lambda _: _Silence())
    engine.run([Wanted(made, Settings())], clips.of_folder(folder / "clips"), folder / "out")
    command = [sys.executable, "-m", "mer_jax.main", "--mode=extract", "--sets=eGeMAPS"]
    command += [f"--media={folder / 'clips'}", f"--out={folder / 'out'}", "--quiet"]
    spent = [
        measure(lambda: subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL))
        for _ in range(1 if quick else 5)
    ]
    return {"clips": count, "seconds": statistics.median(each.seconds for each in spent)}


def of_an_hour(folder: pathlib.Path, quick: bool) -> dict[str, Any]:
    """The most memory of the command over one clip of an hour: sets of sound, of images, a HuBERT.

    YuNet's weights in $MER_JAX_YUNET, a file, add a ResNet of the faces.
    """
    import transformers

    minutes = 2 if quick else 60
    (folder / "clips").mkdir()
    write_long_mp4(folder / "clips" / "long.mp4", 60 * minutes)
    tiny = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    speech = transformers.HubertConfig(**tiny, intermediate_size=64, conv_dim=(64,) * 7)
    models = {"hubert": transformers.HubertModel(speech)}
    sets = "eGeMAPS, HuBERT-base=hubert, image-grid"
    yunet = os.environ.get("MER_JAX_YUNET")
    if yunet:
        (folder / "models").mkdir()
        (folder / "models" / "yunet.onnx").write_bytes(pathlib.Path(yunet).read_bytes())
        faces = transformers.ResNetConfig(hidden_sizes=(8, 8, 8, 8), embedding_size=8)
        models["resnet"] = transformers.ResNetModel(faces)
        sets += ", ResNet-ImageNet=resnet"
    for name, model in models.items():
        model.save_pretrained(folder / "models" / name)
    command = [sys.executable, "-m", "mer_jax.main", "--mode=extract", f"--sets={sets}"]
    command += [f"--media={folder / 'clips'}", f"--models={folder / 'models'}"]
    command += [f"--out={folder / 'out'}", "--quiet"]
    spent = measure(lambda: subprocess.run(command, check=True, cwd=ROOT))
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # of one child, in kB
    return {"minutes": minutes, "sets": sets, "peak_mb": most // 1024, "seconds": spent.seconds}


def write_long_mp4(path: pathlib.Path, seconds: int) -> None:
    """Two small images a second, and a tone that is never the same: AAC of 16 kHz."""
    import av

    generator = np.random.default_rng(0)
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=2, options={"preset": "ultrafast"})
        video.height, video.width, video.pix_fmt = 120, 160, "yuv420p"
        sound = output.add_stream("aac", rate=16_000, layout="mono")
        blocks = av.AudioResampler("fltp", "mono", 16_000, frame_size=1024)
        image = generator.integers(0, 256, (120, 160, 3), np.uint8)
        for second in range(seconds):
            for half in range(2):
                picture = np.roll(image, 2 * second + half, axis=1)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                output.mux(video.encode(frame))
            phase = 2 * np.pi * (100 + second % 300) * np.arange(16_000) / 16_000
            samples = 0.3 * np.sin(phase) + generator.normal(0, 0.02, 16_000)
            frame = av.AudioFrame.from_ndarray(
                samples[None].astype(np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = 16_000, 16_000 * second
            frame.time_base = fractions.Fraction(1, 16_000)
            for block in blocks.resample(frame):
                output.mux(sound.encode(block))
        for stream in (video, sound):
            output.mux(stream.encode(None))


class _Silence(_Mean):
    """Stands for a set that was extracted before."""

    def extract(self, decoded):
        """A row for each clip."""
        return [np.zeros((1, 3)) for _ in decoded]


PARTS: dict[str, Callable[[pathlib.Path, bool], dict[str, Any]]] = {
    "audio": of_audio,
    "images": of_images,
    "resuming": of_resuming,
    "hour": of_an_hour,
}


def main() -> None:
    """Measures the parts that are asked for, and writes what they gave."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--parts", default=",".join(PARTS))
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": machine.describe()}
    for name in options.parts.split(","):
        with tempfile.TemporaryDirectory() as folder:
            found[name] = PARTS[name](pathlib.Path(folder), options.quick)
        print(name, json.dumps(found[name]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
