"""Collecting clips: the pieces of a made-up video, what is merged, and why the rest is dropped."""

import csv
import dataclasses
import errno
import json
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra `extract` is not installed")
pytest.importorskip("soxr", reason="the extra `extract` is not installed")

from mer_jax.errors import InputError
from mer_jax.extraction import audio, clips, encoding, video
from mer_jax.extraction.collection import pieces, run, speakers, subtitles, voice
from mer_jax.extraction.collection.pieces import Piece
from mer_jax.extraction.collection.rules import Rules, VoiceRules
from mer_jax.extraction.record import Clip
from tests.support import long_video
from tests.support.scoring import run as command

TOOLS = run.Tools(
    speakers.MelStatistics(), long_video.voice, long_video.faces, long_video.Redness()
)
ASS = (
    "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,later\n"
    "Comment: 0,0:00:01.00,0:00:02.50,Default,Anna,0,0,0,,a note\n"
    "Dialogue: 0,0:00:01.00,0:00:02.50,Default,Anna,0,0,0,,{\\i1}Hi\\Nyou\n"
    "Dialogue: 1,0:00:01.00,0:00:02.50,Default,Anna,0,0,0,,Hi\\Nyou\n"
    "Dialogue: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,{\\p1}m 0 0 l 9 0\n"
)
needs_pysubs2 = pytest.mark.skipif(
    voice.in_package(["pysubs2"], "__init__.py") is None, reason="pysubs2 is not installed"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    long_video.write(folder / "film.mp4")
    return folder


def collect(folder, out, tools=TOOLS, workers=None, **rules):
    videos = clips.of_folder(folder)
    chosen = Rules(**rules)
    cut_by = run.sources(videos, folder, chosen)
    return run.run(videos, cut_by, tools, chosen, out, workers=workers)


def table(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def check(out, within, speaker=None, texts=True):
    """Compares the pieces with the expected ones; times may lie `within` seconds."""
    rows = table(out / "pieces.csv")
    assert len(rows) == len(long_video.EXPECTED)
    labels = {}
    for number, (row, (who, first, last, why)) in enumerate(
        zip(rows, long_video.EXPECTED, strict=True), 1
    ):
        lines = long_video.LINES[first : last + 1]
        assert row["name"] == f"film_{number:04d}"
        assert float(row["start"]) == pytest.approx(lines[0][1], abs=within)
        assert float(row["end"]) == pytest.approx(lines[-1][2], abs=within)
        assert row["text"] == (" ".join(line[3] for line in lines) if texts else "")
        assert row["merged"] == str(len(lines))
        assert row["kept"] == ("no" if why else "yes")
        assert row["reason"].partition(":")[0] == why
        assert labels.setdefault(who, row["speaker"]) == row["speaker"]
    assert len(set(labels.values())) == 2
    if speaker is not None:
        assert labels == {"A": speaker.format("A", 1), "B": speaker.format("B", 2)}
    kept = [row for row in rows if row["kept"] == "yes"]
    assert table(out / "clips.csv") == [
        {key: row[key] for key in ("name", "speaker", "text")} for row in kept
    ]
    assert sorted(path.name for path in (out / "clips").iterdir()) == [
        f"{row['name']}.mp4" for row in kept
    ]
    return rows


def test_by_voice(folder, tmp_path):
    out = tmp_path / "out"
    assert collect(folder, out) == {}
    rows = check(out, 0.1, "film_{1}", texts=False)
    assert rows[2]["reason"].startswith("too short: 0.8")
    # 2.4 s with five images a second.
    assert rows[3]["reason"] in [f"no face: {n} of {n} images show none" for n in (12, 13)]
    for row in rows:
        if row["kept"] == "yes":
            start, end = float(row["start"]), float(row["end"])
            clip = out / "clips" / f"{row['name']}.mp4"
            heard, whole = audio.read(clip), audio.read(folder / "film.mp4")
            np.testing.assert_allclose(
                heard[: round((end - start) * 16_000)],
                whole[round(start * 16_000) : round(end * 16_000)],
                atol=2**-14,
            )
            seen = list(video.read(clip))
            times = [frame.time for frame in video.read(folder / "film.mp4")]
            assert [frame.time + start for frame in seen] == pytest.approx(
                [time for time in times if start <= time < end], abs=1e-3
            )
    # The same command does nothing more; a video without its list is cut again, to the same end.
    before = {path: path.stat().st_mtime_ns for path in (out / "clips").iterdir()}
    content = (out / "pieces.csv").read_bytes()
    for tool, fault in (("embedder", "models"), ("voice", "voice")):
        other = dataclasses.replace(TOOLS, **{tool: _Deaf("other")})
        with pytest.raises(InputError, match=f"was written with {fault} "):
            collect(folder, out, other)
    collect(folder, out)
    assert before == {path: path.stat().st_mtime_ns for path in (out / "clips").iterdir()}
    (out / "pieces" / "film.csv").unlink()
    (out / "pieces.csv").unlink()
    collect(folder, out)
    assert (out / "pieces.csv").read_bytes() == content
    assert before != {path: path.stat().st_mtime_ns for path in (out / "clips").iterdir()}
    with pytest.raises(InputError, match=r"rules .* \(collection\.json\); use another --out"):
        collect(folder, out, shortest=1.0)


@needs_pysubs2
@pytest.mark.parametrize(
    ("suffix", "content", "speaker"),
    [("srt", long_video.srt, "film_{1}"), ("vtt", long_video.vtt, "Speaker {0}")],
)
def test_by_subtitles(folder, tmp_path, suffix, content, speaker):
    lines = tmp_path / "lines"
    lines.mkdir()
    (lines / f"film.{suffix}").write_text(content(), encoding="utf-8-sig")
    videos, rules = clips.of_folder(folder), Rules()
    cut_by = run.sources(videos, lines, rules)
    assert cut_by == {"film": lines / f"film.{suffix}"}
    tools = dataclasses.replace(TOOLS, voice=None)
    if suffix == "vtt":  # whose speakers are named
        tools = dataclasses.replace(tools, embedder=_Deaf())
    out = tmp_path / "out"
    assert run.run(videos, cut_by, tools, rules, out) == {}
    check(out, 1e-3, speaker)
    # Another video may follow that is cut by voice.
    assert not (out / "voice.json").exists()
    tools = dataclasses.replace(tools, voice=long_video.voice)
    assert run.run(videos, {"film": None}, tools, rules, out) == {}
    assert (out / "voice.json").is_file()


class _Deaf(speakers.MelStatistics):
    """To whom all voices are one."""

    def __init__(self, name="deaf"):
        super().__init__()
        self.name = name

    def alike(self, one_D, other_D):
        return 1.0

    def manifest(self):
        return {"embedder": self.name}


def test_a_bad_video_stops_no_other(folder, tmp_path):
    media = tmp_path / "media"
    media.mkdir()
    (media / "film.mp4").write_bytes((folder / "film.mp4").read_bytes())
    (media / "broken.mp4").write_text("no video")
    out = tmp_path / "out"
    failed = collect(media, out)
    assert failed == {"broken": "not a readable media file: Invalid data found when processing "
                      "input"}  # fmt: skip
    check(out, 0.1, texts=False)
    assert table(out / "failures.csv") == [
        {"set": "video", "clip": "broken", "reason": failed["broken"]}
    ]
    (media / "broken.mp4").write_bytes((folder / "film.mp4").read_bytes())
    assert collect(media, out) == {}
    assert not (out / "failures.csv").exists()
    rows = table(out / "pieces.csv")
    assert len(rows) == 2 * len(long_video.EXPECTED)
    assert [row["name"][:6] for row in rows[:: len(long_video.EXPECTED)]] == ["broken", "film_0"]
    recipe = json.loads((out / "collection.json").read_text())
    assert recipe["rules"]["shortest"] == 2.0
    assert recipe["models"]["embedder"] == {"embedder": "mel-statistics"}


def made(*spans, speaker=""):
    return [Piece(start, end, speaker=speaker) for start, end in spans]


@pytest.mark.parametrize(
    ("spans", "merged"),
    [
        ([(0, 5), (6, 11)], [(0, 11)]),
        ([(0, 5), (6.01, 11)], [(0, 5), (6.01, 11)]),  # the pause is too long
        ([(0, 5), (5.5, 16)], [(0, 16)]),
        ([(0, 5), (5.5, 16.1)], [(0, 5), (5.5, 16.1)]),  # what would become of it is
        ([(0, 9), (2, 4), (9, 10)], [(0, 10)]),  # one lies within another
        ([], []),
    ],
)
def test_what_is_merged(spans, merged):
    found, members = pieces.merge(made(*spans), lambda one, other: True, Rules())
    assert [(piece.start, piece.end) for piece in found] == merged
    assert [number for each in members for number in each] == list(range(len(spans)))
    apart, _ = pieces.merge(made(*spans), lambda one, other: False, Rules())
    assert [(piece.start, piece.end) for piece in apart] == spans


def test_names_of_subtitles_decide_before_voices():
    lines = [Piece(0, 1, "a", "Anna"), Piece(1, 2, "b", "Anna"), Piece(2, 3, "c", "Bob"),
             Piece(3, 4, "d"), Piece(4, 5, "e", "Bob")]  # fmt: skip
    asked = []

    def alike(one, other):
        asked.append((one, other))
        return True

    found, _ = pieces.merge(lines, alike, Rules())
    assert [(piece.text, piece.speaker) for piece in found] == [("a b", "Anna"), ("c d e", "Bob")]
    assert asked == [(2, 3), (3, 4)]


@pytest.mark.parametrize(
    ("seconds", "why"),
    [(1.999, "too short: 2.00 s"), (2.0, ""), (16.0, ""), (16.01, "too long: 16.01 s")],
)
def test_lengths_at_their_bounds(seconds, why):
    assert pieces.length_fault(Piece(0.1, 0.1 + seconds), Rules()) == why


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("1\n00:00:01,000 --> 00:00:02,500\n{\\an8}Hi <b>you</b>\nthere\n",
         [(1, 2.5, "Hi you there", "")]),
        ("WEBVTT\n\n00:01.000 --> 00:02.500 align:start\n<v.loud Bob>Hi <i>you</i></v>\n",
         [(1, 2.5, "Hi you", "Bob")]),
        (ASS, [(1, 2.5, "Hi you", "Anna"), (3, 4, "later", "")]),
    ],
)  # fmt: skip
@needs_pysubs2
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_subtitles_are_read(tmp_path, text, lines, encoding):
    path = tmp_path / "a.srt"
    path.write_text(text, encoding=encoding)
    found = [(line.start, line.end, line.text, line.speaker) for line in subtitles.read(path)]
    assert found == lines


@needs_pysubs2
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not subtitles that can be read: No suitable formats"),
        (b"no subtitles", "not subtitles that can be read: No suitable formats"),
        ("1\n00:00:01,000 --> 00:00:02,500\n你好\n".encode("gbk"), "not text in UTF-8"),
        (b"1\n00:00:01,000 --> 00:00:02,500\n\n", "holds no subtitles"),
    ],
)
def test_what_is_no_subtitles_is_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "a.srt"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        subtitles.read(path)
    assert str(refused.value).startswith(f"{path}: {sentence}")


def test_which_subtitles_are_a_video_s(tmp_path):
    for name in ("a.srt", "within/b.VTT", "c.srt", "c.ass", "d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert subtitles.find(tmp_path, "a") == tmp_path / "a.srt"
    assert subtitles.find(tmp_path, "b") == tmp_path / "within" / "b.VTT"
    assert subtitles.find(tmp_path, "d") is None
    with pytest.raises(InputError, match="'c' has 2 files of subtitles"):
        subtitles.find(tmp_path, "c")
    videos = [Clip(name, tmp_path / f"{name}.mp4") for name in ("a", "d")]
    assert run.sources(videos, tmp_path, Rules())["d"] is None
    assert run.sources(videos, tmp_path, Rules(cut="voice"))["a"] is None
    with pytest.raises(InputError, match=r"--cut=subtitles: .* holds no d\.srt"):
        run.sources(videos, tmp_path, Rules(cut="subtitles"))


def with_track(path, lines, target):
    """Copies a video with a file of subtitles as its track; not every container takes one."""
    import av

    with (
        av.open(str(path)) as video_in,
        av.open(str(lines)) as text_in,
        av.open(str(target), "w") as output,
    ):
        streams = {each.index: output.add_stream_from_template(each) for each in video_in.streams}
        (track,) = text_in.streams.subtitles
        text = output.add_stream_from_template(track)
        for source, into in (
            (text_in.demux(track), {track.index: text}),
            (video_in.demux(), streams),
        ):
            for packet in source:
                if packet.dts is not None:
                    packet.stream = into[packet.stream.index]
                    output.mux(packet)
    return target


def test_a_track_of_subtitles_is_read(folder, tmp_path):
    film = tmp_path / "media" / "film.mkv"
    film.parent.mkdir()
    (tmp_path / "a.srt").write_text(long_video.srt())
    with_track(folder / "film.mp4", tmp_path / "a.srt", film)
    assert subtitles.has_track(film)
    assert not subtitles.has_track(folder / "film.mp4")
    (tmp_path / "b.mp4").write_text("no video")
    assert not subtitles.has_track(tmp_path / "b.mp4")
    assert run.sources([Clip("film", film)], film.parent, Rules()) == {"film": film}
    out = tmp_path / "out"
    assert collect(film.parent, out, dataclasses.replace(TOOLS, voice=None)) == {}
    check(out, 0.07, "film_{1}")  # what AAC begins with moves the file's beginning

    styled = tmp_path / "b.ass"
    styled.write_text(ASS)
    found = subtitles.read(with_track(folder / "film.mp4", styled, tmp_path / "b.mkv"))
    assert [(line.text, line.speaker) for line in found] == [("Hi you", "Anna"), ("later", "")]
    assert found[0].seconds == pytest.approx(1.5)


def test_what_is_stopped_goes_on_with_the_next_video(folder, tmp_path):
    media = tmp_path / "media"
    media.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (media / name).write_bytes((folder / "film.mp4").read_bytes())
    whole, out = tmp_path / "whole", tmp_path / "out"
    looks = stop = 0

    def faces(image):
        nonlocal looks
        looks += 1
        if looks == stop:
            raise KeyboardInterrupt
        return long_video.faces(image)

    tools = dataclasses.replace(TOOLS, faces=long_video.Detector("brightness", faces))
    collect(media, whole, tools, workers=1)
    # In the second video, once its first clip of 3.2 s is written, and five images a second.
    stop = looks + looks // 2 + 25
    with pytest.raises(KeyboardInterrupt):
        collect(media, out, tools, workers=1)
    assert sorted(path.name for path in (out / "pieces").iterdir()) == ["a.csv"]
    written = sorted(path.name for path in (out / "clips").iterdir())
    assert written[-1] == "b_0001.mp4"
    assert not [name for name in written if name.startswith(".")]
    stamps = {path: path.stat().st_mtime_ns for path in (out / "clips").glob("a_*")}
    stop = 0
    assert collect(media, out, tools) == {}
    assert stamps == {path: path.stat().st_mtime_ns for path in (out / "clips").glob("a_*")}
    for name in ("pieces.csv", "clips.csv", "collection.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    for path in (whole / "clips").iterdir():
        assert (out / "clips" / path.name).read_bytes() == path.read_bytes()


def test_a_full_disk_ends_all(folder, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))

    monkeypatch.setattr(encoding, "save", full)
    with pytest.raises(OSError, match="No space left"):
        collect(folder, tmp_path / "out")
    assert not (tmp_path / "out" / "failures.csv").exists()
    assert not (tmp_path / "out" / "pieces").exists()


def test_a_video_that_is_cut_anew_leaves_no_old_clips(folder, tmp_path):
    out = tmp_path / "out"
    collect(folder, out, persons="any")
    (out / "pieces" / "film.csv").unlink()
    for name in ("film_0099.mp4", "film_00990.wav", "film_00991.txt", "films_0001.mp4"):
        (out / "clips" / name).write_text("")
    collect(folder, out, persons="any")
    names = {row["name"] + ".mp4" for row in table(out / "clips.csv")}
    assert {path.name for path in (out / "clips").iterdir()} == {
        *names, "film_00991.txt", "films_0001.mp4"
    }  # fmt: skip


def test_where_speech_begins_and_ends():
    rules = VoiceRules()
    window, pad = 512, 480
    # Speech of 10 windows; a dip of 3, which is shorter than 0.1 s; 10 more.
    quiet, spoken, unsure = [0.1], [0.9], [0.4]
    one = voice.spans(
        quiet * 5 + spoken * 10 + quiet * 3 + spoken * 10 + quiet * 9, 37 * 512, rules
    )
    assert one == [(5 * window - pad, 28 * window + pad)]
    two = voice.spans(quiet * 5 + spoken * 10 + quiet * 5 + spoken * 10, 30 * 512 - 7, rules)
    assert two == [(5 * window - pad, 15 * window + pad), (20 * window - pad, 30 * window - 7)]
    # Two that would be padded into each other share the five windows between them.
    wide = dataclasses.replace(rules, pad=0.1)
    assert voice.spans(quiet * 5 + spoken * 10 + quiet * 5 + spoken * 10, 30 * 512, wide) == [
        (5 * window - 1600, 15 * window + 1280), (20 * window - 1280, 30 * window)
    ]  # fmt: skip
    # Between both thresholds speech goes on, but does not begin.
    assert voice.spans(unsure * 5 + spoken * 10 + unsure * 5 + quiet * 9, 29 * 512, rules) == [
        (5 * window - pad, 20 * window + pad)
    ]
    # Eight windows are 0.256 s, seven too little.
    assert len(voice.spans(spoken * 8 + quiet * 9, 17 * 512, rules)) == 1
    assert voice.spans(spoken * 7 + quiet * 9, 16 * 512, rules) == []


WRONG = {
    "--seconds=16:2": "--seconds=16:2: not the lengths of the shortest and the longest piece",
    "--seconds=2": "--seconds=2: not the lengths",
    "--speakers=none.pt": "--speakers=none.pt: no such file; give Resemblyzer's pretrained.pt",
    "--vad=none.onnx": "--vad: no file none.onnx",
    "--cut=subtitles": "--cut=subtitles: {folder} holds no film.srt",
    "--models={folder}": "--models: {folder} holds no *yunet*.onnx, which finds faces",
    "--out={folder}/out": "--out: {folder}/out lies in --media, whose files are taken for videos",
    "--cut=ear": "--cut: unknown cut 'ear'; one of: auto, subtitles, voice",
}


@pytest.mark.parametrize("flag", WRONG)
def test_flags_that_are_refused(folder, tmp_path, flag):
    out = tmp_path / "out"
    given = [flag.format(folder=folder), *([] if "models" in flag else ["--persons=any"])]
    vad = [] if "vad" in flag else [f"--vad={folder / 'film.mp4'}"]
    with pytest.raises(InputError) as refused:
        command("--mode=collect", f"--media={folder}", f"--out={out}", *vad, *given, "--quiet")
    assert WRONG[flag].format(folder=folder) in str(refused.value)
    assert not out.exists()


@needs_pysubs2
def test_cutting_by_subtitles_loads_no_jax(folder, tmp_path):
    (tmp_path / "film.srt").write_text(long_video.srt())
    arguments = ["--mode=collect", f"--media={folder}", f"--subtitles={tmp_path}", "--persons=any",
                 "--speakers=mel-statistics", f"--out={tmp_path / 'out'}", "--quiet"]  # fmt: skip
    program = (
        "import sys\n"
        "from mer_jax import command_line\n"
        f"mode, parsed = command_line.parse(['mer_jax', *{arguments!r}])\n"
        "mode.run(parsed)\n"
        "print(sorted({'jax', 'flax', 'tensorflow', 'cv2'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert done.stdout.decode().splitlines()[-1] == "[]"
    reasons = [row["reason"].partition(":")[0] for row in table(tmp_path / "out" / "pieces.csv")]
    assert reasons == ["", "", "too short", "", "", "", "too long", ""]
