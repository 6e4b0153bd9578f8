"""Speech recognition: what is said in a clip, by faster-whisper or by a command of the user's."""

from __future__ import annotations

import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from mer_jax import extras, files
from mer_jax.errors import InputError
from mer_jax.extraction.record import SAMPLE_RATE, MediaError
from mer_jax.extraction.writer import differences

AUDIO, LANGUAGE = "{audio}", "{language}"  # what a command's arguments may hold
_WHISPER, _COMMAND = "faster-whisper", "command"  # who transcribes, in manifests
_WEIGHTS = "model.bin"  # of a model of faster-whisper
# Without its default, which draws samples where it is unsure, so that equal clips get other texts.
_DECODING = {"beam_size": 5, "temperature": 0.0}


class Recogniser(Protocol):
    """Gives what is said in a clip."""

    manifest: Mapping[str, Any]  # what decides the texts: JSON
    parallel: bool  # whether it may be called in several threads, and gains by it

    def __call__(self, samples_S: np.ndarray) -> str:
        """What is said in samples of SAMPLE_RATE, on one line; MediaError where that fails."""
        ...


def of_flags(
    model: str | None, command: str | None, language: str | None, models: pathlib.Path | None
) -> Recogniser | None:
    """The recogniser that --asr or --asr_command names; None without one.

    Raises InputError for both, for a model or a command that is not there, and for a missing
    package.
    """
    if model is None and command is None:
        if language is not None:
            raise InputError("--language is of --asr or --asr_command: give one of them")
        return None
    if model is not None and command is not None:
        raise InputError("--asr and --asr_command are two ways to the same texts; give one of them")
    return Command(command, language) if model is None else Whisper(model, language, models)


def as_trained(
    said: Mapping[str, Any], model: str | None, command: str | None, models: pathlib.Path | None
) -> Recogniser:
    """The recogniser that a manifest tells of.

    A command is never taken from the manifest: who predicts gives it again. Raises InputError where
    it would transcribe otherwise.
    """
    language = said.get("language")
    if said.get("by") == _COMMAND:
        if command is None:
            raise InputError(
                "the texts that were trained on were transcribed by a command; give it again: "
                f"--asr_command={shlex.quote(str(said.get('command')))}"
            )
        found: Recogniser = Command(command, language)
    else:
        found = Whisper(model or str(said.get("model")), language, models)
    for key, theirs, ours in differences(said, found.manifest):
        raise InputError(
            f"the texts that were trained on were transcribed with {key} {theirs!r}, not {ours!r}; "
            "name what was used in --asr or --asr_command"
        )
    return found


class Whisper:
    """A model of faster-whisper, loaded when the first clip comes."""

    parallel = False  # it uses the cores by itself

    def __init__(self, name: str, language: str | None, models: pathlib.Path | None):
        """Finds the model: a folder, one in `models`, or what the hub has under this name."""
        self._package = extras.load(
            "faster_whisper", "asr", "--asr", "--asr_command needs no package"
        )
        self._folder, name = self._find(name, models)
        if not (self._folder / _WEIGHTS).is_file():
            raise InputError(f"--asr: {self._folder} holds no {_WEIGHTS}, as faster-whisper's do")
        self._language, self._model = language, None
        self.manifest = {
            "by": _WHISPER,
            "model": name,
            "weights_sha256": files.sha256(self._folder / _WEIGHTS),
            "language": language,
        }

    def _find(self, name: str, models: pathlib.Path | None) -> tuple[pathlib.Path, str]:
        """The model's folder, and its name for manifests: the folder's, or the hub's."""
        for folder in (*([] if models is None else [models / name]), pathlib.Path(name)):
            if folder.is_dir():
                return folder.resolve(), folder.resolve().name
        try:
            return pathlib.Path(self._package.download_model(name)), name
        except Exception as error:  # those of the hub's client, of requests and of the package
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"--asr: {name!r} is no folder, nor one in --models, and the hub gives no such "
                f"model: {reason}"
            ) from None

    def __call__(self, samples_S: np.ndarray) -> str:
        """What is said; nothing is "" where no speech is heard."""
        if self._model is None:
            self._model = self._load()
        found, _ = self._model.transcribe(samples_S, language=self._language, **_DECODING)
        return _line("".join(segment.text for segment in found))

    def _load(self) -> Any:
        try:
            model = self._package.WhisperModel(str(self._folder))
        except (RuntimeError, ValueError, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"--asr: {self._folder} cannot be loaded: {reason}") from None
        known = model.supported_languages
        if self._language is not None and self._language not in known:
            raise InputError(
                f"--language: {self.manifest['model']} knows no {self._language!r}; "
                f"one of: {', '.join(known)}"
            )
        return model


class Command:
    """A command of the user's, run once a clip: it prints what is said in a WAV file."""

    parallel = True

    def __init__(self, command: str, language: str | None):
        """Raises InputError for what is no command, or names no audio."""
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise InputError(f"--asr_command: {command!r} cannot be read: {error}") from None
        if not any(AUDIO in word for word in self._words):
            raise InputError(
                f"--asr_command: {command!r} holds no {AUDIO}, which stands for the WAV file"
            )
        if LANGUAGE in command and language is None:
            raise InputError(f"--asr_command: {command!r} holds {LANGUAGE}: give --language")
        if shutil.which(self._words[0]) is None:
            raise InputError(f"--asr_command: there is no program {self._words[0]!r}")
        self._language = language
        self.manifest = {"by": _COMMAND, "command": command, "language": language}

    def __call__(self, samples_S: np.ndarray) -> str:
        """What the command prints, on one line."""
        with tempfile.TemporaryDirectory(prefix="mer_jax-") as folder:
            path = pathlib.Path(folder) / "audio.wav"
            _write_wav(path, samples_S)
            words = [
                word.replace(AUDIO, str(path)).replace(LANGUAGE, self._language or "")
                for word in self._words
            ]
            done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            last = os.fsdecode(done.stderr).strip().rpartition("\n")[2]
            reason = f": {last}" if last else ""
            raise MediaError(f"--asr_command ended with status {done.returncode}{reason}")
        try:
            return _line(done.stdout.decode())
        except UnicodeDecodeError:
            raise MediaError("--asr_command printed what is not UTF-8") from None


def _line(text: str) -> str:
    return " ".join(text.split())


def _write_wav(path: pathlib.Path, samples_S: np.ndarray) -> None:
    """Writes samples as 16 bits, which every recogniser reads."""
    soundfile = extras.load("soundfile", "extract", "--asr_command")
    soundfile.write(path, samples_S, SAMPLE_RATE, subtype="PCM_16")
