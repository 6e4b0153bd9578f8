"""Texts of clips that have none: heard once, kept in a file, whatever fails or ends it."""

import dataclasses
import json

import numpy as np
import pytest

pytest.importorskip("soxr", reason="the extra extract is not installed")
pytest.importorskip("soundfile", reason="the extra extract is not installed")

from mer_jax.errors import InputError
from mer_jax.extraction import engine, transcripts
from mer_jax.extraction.record import TEXT, Change, Clip, MediaError
from tests.support import media as made
from tests.support.extractors import Letters, wanted


@dataclasses.dataclass
class Counter:
    """Says how many hundreds of samples it heard; nothing of silence; fails where it is told to."""

    parallel: bool = False
    manifest: dict = dataclasses.field(default_factory=lambda: {"by": "a test"})
    heard: list = dataclasses.field(default_factory=list)
    failing: dict = dataclasses.field(
        default_factory=dict
    )  # by hundreds of samples: what it raises

    def __call__(self, samples_S):
        hundreds = len(samples_S) // 100
        self.heard.append(hundreds)
        if hundreds in self.failing:
            raise self.failing[hundreds]
        return f"about {hundreds}" if np.abs(samples_S).max() > 0.1 else ""


@pytest.fixture
def clips(tmp_path):
    """a and b with sound, c silent, d with a text, e without a file."""
    found = []
    for hundreds, name in ((10, "a"), (20, "b"), (30, "c"), (40, "d")):
        loud = 0 if name == "c" else 20_000
        path = made.write_wav(tmp_path / f"{name}.wav", loud * made.tone(hundreds / 160))
        found.append(Clip(name, path, "given" if name == "d" else ""))
    return [*found, Clip("e")]


@pytest.mark.parametrize("parallel", [False, True])
def test_clips_without_a_text_are_heard_once(clips, tmp_path, parallel):
    said, out = Counter(parallel), tmp_path / "out"
    found = transcripts.filled(said, clips, out)
    assert [clip.text for clip in found] == ["about 10", "about 20", "", "given", ""]
    assert [clip.is_silent for clip in found] == [False, False, True, False, False]
    assert [clip.no_text for clip in found] == ["", "", "", "", "no media file has this name"]
    assert sorted(said.heard) == [10, 20, 30]
    assert (out / "transcripts.csv").read_text() == "name,text\na,about 10\nb,about 20\nc,\n"
    assert json.loads((out / "manifests/transcripts.json").read_text()) == {"by": "a test"}
    assert transcripts.filled(said, clips, out) == found
    assert len(said.heard) == 3

    letters = wanted("T", Letters(), TEXT)
    outcome = engine.run([letters], found, out)
    assert outcome.wordless == {"c"}
    assert outcome.failed == {"T_UTT": {"e": "no media file has this name"}}
    values = {name: np.load(out / f"features/T_UTT/{name}.npy").item() for name in "abcd"}
    assert values == {"a": 8, "b": 8, "c": 0, "d": 5}


def test_what_fails_is_tried_again_and_what_ends_it_loses_nothing(clips, tmp_path):
    said, out = (
        Counter(failing={10: MediaError("too loud"), 30: KeyboardInterrupt()}),
        tmp_path / "o",
    )
    with pytest.raises(KeyboardInterrupt):
        transcripts.filled(said, clips[:3], out)
    assert (out / "transcripts.csv").read_text() == "name,text\nb,about 20\n"
    said.failing = {10: RuntimeError("of\nthe library"), 30: InputError("no model")}
    with pytest.raises(InputError, match=r"^no model$"):  # no fault of the clip's
        transcripts.filled(said, clips[:3], out)
    del said.failing[30]
    found = transcripts.filled(said, clips[:3], out)
    assert found[0].no_text == "RuntimeError: of the library"
    assert said.heard.count(20) == 1
    said.failing = {}
    assert transcripts.filled(said, clips[:1], out)[0].text == "about 10"


def test_noise_is_heard_too_and_other_texts_are_left_alone(clips, tmp_path):
    halved = Change(lambda clip, samples_S: samples_S[::2], None, {"seed": 0})
    said, out = Counter(), tmp_path / "out"
    assert transcripts.filled(said, clips[:1], out, halved)[0].text == "about 5"
    with pytest.raises(InputError, match=r"transcripts.csv: was transcribed with change \{'seed'"):
        transcripts.filled(said, clips, out)
    (out / "manifests/transcripts.json").unlink()
    with pytest.raises(InputError, match="another program wrote it"):
        transcripts.filled(said, clips, out)
    (out / "transcripts.csv").write_text("name,words\n")
    (out / "manifests/transcripts.json").write_text('{"by": "a test"}')
    with pytest.raises(InputError, match="not a list of transcripts; remove it"):
        transcripts.filled(said, clips, out)
