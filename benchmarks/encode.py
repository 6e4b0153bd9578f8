"""The pretrained encoders against CTranslate2 and PyTorch, in CPU seconds on one core.

    python benchmarks/encode.py --whisper=FOLDER --ctranslate2=FOLDER --hubert --bert=FOLDER

Whisper: clips of noise of 3 to 4 s through the package's set over the clip alone, mel included,
against CTranslate2's encoder on the 30 s that it pads them to. HuBERT: the base model's size with
random weights, one clip at a time, against transformers with PyTorch. Texts: a batch sorted by
length against one text at a time. What is not installed or named is left out.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import machine
import numpy as np

RATE = 16_000
ROUNDS = 3


def seconds(run: Callable[[], object]) -> float:
    """The median CPU seconds of a few runs, after one that compiles."""
    run()
    found = []
    for _ in range(ROUNDS):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return statistics.median(found)


def clips(count: int) -> list[np.ndarray]:
    """Noise of 3.1 to 3.9 s."""
    random = np.random.default_rng(0)
    lengths = random.integers(int(3.1 * RATE), int(3.9 * RATE), count)
    return [random.normal(0, 0.1, length).astype(np.float32) for length in lengths]


def decoded(audio=None, text=""):
    """A clip as the engine hands it to an extractor."""
    from mer_jax.extraction.record import Clip, Decoded

    return Decoded(Clip("clip", text=text), audio=audio)


def whisper(folder: pathlib.Path, other: pathlib.Path | None) -> dict[str, float]:
    """CPU seconds a clip."""
    from mer_jax.extraction import EXTRACTORS
    from mer_jax.extraction.record import Options

    options = Options(folder.parent, folder.name)
    own = EXTRACTORS["Whisper-tiny"].make(options)
    sounds = clips(16)
    found = {"ours": seconds(lambda: own.extract([decoded(s) for s in sounds])) / len(sounds)}
    if other is not None and importlib.util.find_spec("ctranslate2"):
        import ctranslate2

        from mer_jax.models.encoders import mel

        model = ctranslate2.models.Whisper(str(other), device="cpu", intra_threads=1)

        def encode():
            for sound in sounds[:4]:
                padded = mel.log_mel(np.pad(sound, (0, 30 * RATE - len(sound))), 80)
                np.asarray(model.encode(ctranslate2.StorageView.from_array(padded[None])))

        found["ctranslate2"] = seconds(encode) / 4
        found["ratio"] = found["ctranslate2"] / found["ours"]
    return found


def hubert() -> dict[str, float]:
    """CPU seconds a clip of a model of HuBERT-base's size, one clip at a time."""
    import torch
    import transformers

    from mer_jax.models import encoders

    torch.set_num_threads(1)
    sounds = [sound[: int(3.5 * RATE)] for sound in clips(8) if len(sound) >= 3.5 * RATE][:3]
    with tempfile.TemporaryDirectory() as place:
        model = transformers.HubertModel(transformers.HubertConfig()).eval()
        model.save_pretrained(place)
        ours = encoders.load(place)

        def run_ours():
            for sound in sounds:
                np.asarray(ours.hidden_states(sound[None])[-1])

        def run_torch():
            with torch.no_grad():
                for sound in sounds:
                    model(torch.tensor(sound)[None], output_hidden_states=True)

        found = {
            "ours": seconds(run_ours) / len(sounds),
            "torch": seconds(run_torch) / len(sounds),
        }
    return {**found, "ratio": found["torch"] / found["ours"]}


def texts(folder: pathlib.Path) -> dict[str, float]:
    """CPU and wall seconds a text: one call for all against a call a text."""
    from mer_jax.extraction import EXTRACTORS
    from mer_jax.extraction.record import Options

    random = np.random.default_rng(0)
    words = np.array("it is not what you said to me when we were there last year".split())  # noqa: SIM905
    said = [" ".join(random.choice(words, random.integers(4, 30))) for _ in range(256)]
    own = EXTRACTORS["BERT-base"].make(Options(folder.parent, folder.name))

    def together():
        own.extract([decoded(text=text) for text in said])

    def alone():
        for text in said:
            own.extract([decoded(text=text)])

    found = {"together": seconds(together) / len(said), "alone": seconds(alone) / len(said)}
    return {**found, "ratio": found["alone"] / found["together"]}


def main() -> None:
    """Measures what is named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--whisper", type=pathlib.Path, help="Whisper in Hugging Face's layout")
    parser.add_argument("--ctranslate2", type=pathlib.Path, help="the same model for CTranslate2")
    parser.add_argument("--bert", type=pathlib.Path, help="a BERT with its tokeniser")
    parser.add_argument("--hubert", action="store_true", help="HuBERT-base against PyTorch")
    parser.add_argument("--json", type=pathlib.Path)
    flags = parser.parse_args()
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    found: dict[str, object] = {"machine": machine.describe(), "load": os.getloadavg()}
    if flags.whisper:
        found["whisper"] = whisper(flags.whisper, flags.ctranslate2)
    if flags.hubert:
        found["hubert"] = hubert()
    if flags.bert:
        found["texts"] = texts(flags.bert)
    print(json.dumps(found, indent=1))
    if flags.json:
        flags.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
