"""Recognisers: a command of the user's, and a faster-whisper that the test makes up."""

import hashlib
import shlex
import sys
import types

import numpy as np
import pytest

pytest.importorskip("soundfile", reason="the extra extract is not installed")

from mer_jax.errors import InputError
from mer_jax.extraction import asr
from mer_jax.extraction.record import MediaError

SECOND = np.zeros(16_000, np.float32)


def command(script, language=None):
    return asr.Command(shlex.join(["sh", "-c", script]), language)


def test_a_command_gets_16_bit_samples_and_its_words_are_one_line():
    said = command('wc -c < "{audio}"; printf "  in {language}\\n你好\\n"', "zh")
    assert said(SECOND) == f"{44 + 2 * len(SECOND)} in zh 你好"
    assert said.manifest["by"] == "command"
    assert said.manifest["language"] == "zh"
    assert command(": {audio}")(SECOND) == ""


def test_the_samples_of_a_command_are_scaled_to_16_bits():
    samples = np.array([0.0, 0.5, -1.0, 1.0], np.float32)
    dumped = command("od -An -td2 -j44 {audio}")(samples).split()
    np.testing.assert_allclose(np.array(dumped, int), [0, 16384, -32768, 32767], atol=1)


def test_a_command_that_fails_is_the_clip_s_failure():
    with pytest.raises(MediaError) as failed:
        command("echo first >&2; echo no model >&2; exit 3 # {audio}")(SECOND)
    assert str(failed.value) == "--asr_command ended with status 3: no model"
    with pytest.raises(MediaError, match=r"ended with status 1$"):
        command("exit 1 # {audio}")(SECOND)
    with pytest.raises(MediaError, match="not UTF-8"):
        command("printf '\\377' # {audio}")(SECOND)


WRONG = {
    "a quote": ("sh 'x {audio}", "cannot be read: No closing quotation"),
    "no audio": ("sh -c true", "holds no {audio}, which stands for the WAV file"),
    "no language": ("sh {audio} {language}", "holds {language}: give --language"),
    "no program": ("no-such-program {audio}", "there is no program 'no-such-program'"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_command_is_refused_at_once(what):
    text, sentence = WRONG[what]
    with pytest.raises(InputError) as refused:
        asr.Command(text, None)
    assert str(refused.value).startswith("--asr_command: ")
    assert sentence in str(refused.value)


class Model:
    """faster_whisper.WhisperModel, as far as it is used: it tells the length and the settings."""

    supported_languages = ("en", "zh")
    loaded = 0

    def __init__(self, folder):
        Model.loaded += 1
        if "damaged" in folder:
            raise RuntimeError("Unsupported model binary version\nmore")

    def transcribe(self, samples, **settings):
        assert settings == {"language": "zh", "beam_size": 5, "temperature": 0.0}
        parts = () if not samples.any() else (" One", "  two ")
        return (types.SimpleNamespace(text=part) for part in parts), None


@pytest.fixture
def models(tmp_path, monkeypatch):
    def download(name):  # into a folder that is named otherwise
        if name == "small":
            return str(tmp_path / "tiny")
        raise OSError(f"{name} cannot be reached\nmore")

    package = types.ModuleType("faster_whisper")
    package.WhisperModel, package.download_model = Model, download
    monkeypatch.setitem(sys.modules, "faster_whisper", package)
    for name in ("tiny", "damaged"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.bin").write_bytes(name.encode())
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_faster_whisper_is_loaded_once_and_draws_nothing(models):
    said, before = asr.of_flags("tiny", None, "zh", models), Model.loaded
    assert said.manifest == {
        "by": "faster-whisper",
        "model": "tiny",
        "weights_sha256": hashlib.sha256(b"tiny").hexdigest(),
        "language": "zh",
    }
    assert Model.loaded == before  # which takes long, and may not be needed
    assert said(SECOND) == ""
    assert said(SECOND + 0.5) == "One two"
    assert Model.loaded == before + 1
    assert asr.of_flags(str(models / "tiny"), None, "zh", None).manifest == said.manifest
    of_hub = asr.of_flags("small", None, "zh", None)
    assert of_hub.manifest == {**said.manifest, "model": "small"}
    assert asr.as_trained(of_hub.manifest, None, None, None).manifest == of_hub.manifest
    assert asr.of_flags(None, None, None, models) is None


def test_models_that_are_none_are_a_sentence(models):
    for name, language, sentence in (
        ("large", None, "'large' is no folder, nor one in --models, and the hub gives no such "
         "model: large cannot be reached"),
        ("empty", None, f"--asr: {models / 'empty'} holds no model.bin, as faster-whisper's do"),
        ("damaged", None, "damaged cannot be loaded: Unsupported model binary version"),
        ("tiny", "xx", "--language: tiny knows no 'xx'; one of: en, zh"),
    ):  # fmt: skip
        with pytest.raises(InputError) as refused:
            asr.of_flags(name, None, language, models)(SECOND)
        assert str(refused.value).endswith(sentence)


def test_without_the_package_the_sentence_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(InputError) as refused:
        asr.of_flags("tiny", None, None, tmp_path)
    assert "pip install 'mer_jax[asr]'" in str(refused.value)


def test_new_clips_are_heard_as_those_of_the_training(models):
    whisper = asr.of_flags("tiny", None, "zh", models)
    assert asr.as_trained(whisper.manifest, None, None, models).manifest == whisper.manifest
    (models / "tiny" / "model.bin").write_bytes(b"other")
    with pytest.raises(InputError, match="were transcribed with weights_sha256 '"):
        asr.as_trained(whisper.manifest, None, None, models)

    own = command("echo {audio} {language}", "zh")
    text = own.manifest["command"]
    with pytest.raises(InputError) as refused:  # what a file says is never run
        asr.as_trained(own.manifest, None, None, models)
    assert str(refused.value).endswith(f"give it again: --asr_command={shlex.quote(text)}")
    assert asr.as_trained(own.manifest, None, text, models).manifest == own.manifest
    with pytest.raises(InputError, match="were transcribed with command "):
        asr.as_trained(own.manifest, None, "sh {audio}", models)
