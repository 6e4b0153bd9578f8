"""Lists of clips as people have them, and the files that are of them."""

import os

import pytest

from mer_jax.errors import InputError
from mer_jax.extraction import clips as clips_lib

NAMES = [
    "plain",
    "第一段",
    "a[1]{b}",
    "with space",
    "dia0.utt1",
    "-video",
    "e\u0301",
    "100%03d",
]


def files(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def listed(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "clips.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_names_find_their_files_whatever_the_names_and_suffixes(tmp_path):
    suffixes = [".mp4", ".wav", ".MP4", ".mkv", ".mpg", ".flac", ".MOV", ".ogg"]
    media = tmp_path / "media"
    files(media, *(name + suffix for name, suffix in zip(NAMES, suffixes, strict=True)))
    files(media, "plain.txt", "plain.csv", ".hidden.mp4", "__MACOSX/plain.mp4", "deep/er/deep.wav")
    path = listed(tmp_path, "Text,name\n" + "".join(f'"""{n}""",{n}\n' for n in [*NAMES, "deep"]))
    clips = clips_lib.read(path, media)
    assert [clip.name for clip in clips] == [*NAMES, "deep"]
    assert [clip.path.name for clip in clips[:-1]] == [
        name + suffix for name, suffix in zip(NAMES, suffixes, strict=True)
    ]
    assert clips[-1].path == media / "deep/er/deep.wav"
    assert clips[1].text == '"第一段"'
    assert clips_lib.of_folder(media)[0].name == "-video"


def test_a_clip_without_a_file_has_no_path(tmp_path):
    files(tmp_path / "media", "a.wav")
    clips = clips_lib.read(listed(tmp_path, "name\na\nb\n"), tmp_path / "media")
    assert [clip.path and clip.path.name for clip in clips] == ["a.wav", None]
    assert clips_lib.read(listed(tmp_path, "name\nb\n"), None)[0].path is None


WRONG = {
    "nothing": ("", "no column name; the file is empty"),
    "no name column": ("clip,text\na,b\n", "no column name; found: clip,text"),
    "a column twice": ("name,text,Text\na,b,c\n", "the column text stands in its header twice"),
    "no lines": ("name,emotion\n", "holds a header and no line below it"),
    "a name twice": ("name\na\na\n", "line 3: duplicate name 'a'"),
    "an empty name": ("name,text\n,x\n", "line 2: '' is not a valid name of a clip"),
    "a path": ("name\nx/a\n", "line 2: the name 'x/a' holds a separator"),
    "a dot": ("name\n.a\n", "line 2: the name '.a' begins with a dot"),
    "too long": (f"name\n{'字' * 84}\n", "line 2: a name is longer than 251 bytes"),
    "a formula": ("name\n=1+1\n", "line 2: the name '=1+1' is a formula"),
    "semicolons": ("name;text\na;b\n", "its columns are separated by ';'"),
    "cells": ("name,text\na,b,c\n", "line 2 has 3 cells, the header 2"),
    "suffix": ("name\na.wav\n", "'a.wav' is there as 'a', which differs in its suffix"),
    "case": ("name\nA\n", "holds a media file for none of the 1 clip: A; 'A' is there as 'a'"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_list_is_refused_in_a_sentence(tmp_path, what):
    text, sentence = WRONG[what]
    files(tmp_path / "media", "a.wav")
    with pytest.raises(InputError) as refused:
        clips_lib.read(listed(tmp_path, text), tmp_path / "media")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_another_encoding_is_named(tmp_path):
    path = listed(tmp_path, "name,text\n第一段,你好你好\n", "gbk")
    with pytest.raises(InputError, match="not a CSV file in UTF-8: it looks like GBK"):
        clips_lib.read(path, tmp_path)


def test_a_name_of_two_files_is_refused(tmp_path):
    files(tmp_path, "a.wav", "b.wav", "sub/a.mp4")
    with pytest.raises(InputError) as refused:
        clips_lib.read(listed(tmp_path, "name\na\n"), tmp_path)
    paths = f"{tmp_path / 'a.wav'}, {tmp_path / 'sub' / 'a.mp4'}"
    assert str(refused.value) == (
        f"--media: the clip 'a' has 2 files: {paths}; leave one of them there"
    )
    assert clips_lib.read(listed(tmp_path, "name\nb\n"), tmp_path)[0].path.name == "b.wav"
    with pytest.raises(InputError, match="the clip 'a' has 2 files"):
        clips_lib.of_folder(tmp_path)


def test_a_folder_that_is_none_or_holds_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="--media: no folder"):
        clips_lib.of_folder(tmp_path / "absent")
    os.mkdir(tmp_path / "empty")
    with pytest.raises(InputError, match="holds no media file"):
        clips_lib.of_folder(tmp_path / "empty")
    with pytest.raises(InputError, match="--clips: no file"):
        clips_lib.read(tmp_path / "absent.csv", tmp_path)
