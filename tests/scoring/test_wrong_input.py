"""Wrong input of the score modes ends in one sentence that says where, and writes nothing."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from mer_jax.errors import InputError
from tests.support import scoring
from tests.support.scoring import write_csv

OPEN = [["a", "['happy']"], ["b", "['sad', 'calm']"]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Right files of every mode, in the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("labels.csv", "predicted.csv"):
        write_csv(tmp_path / name, ["name", "openset"], OPEN)
    scoring.write_json(tmp_path / "synonyms.json", {"a": [["happy"]], "b": [["sad"], ["calm"]]})
    scoring.write_json(tmp_path / "wheel.json", scoring.WHEEL)
    write_csv(tmp_path / "answers.csv", ["name", "gt", "gpt4v"], [["x", "happy", "happy,sad"]])
    write_csv(tmp_path / "prefer.csv", ["name", "preference"], [["p", "a1"]])
    write_csv(tmp_path / "said.csv", ["name", "response"], [["p", "a1"]])
    (tmp_path / "keys.txt").write_text("u genuine\nv fake\n")
    (tmp_path / "scores.txt").write_text("u 1.5\nv 0.5\n")
    (tmp_path / "regions.txt").write_text("u 0-1-T/1-2-F 0\n")
    (tmp_path / "classes.txt").write_text("u 0\nv 7\n")
    notes = tmp_path / "notes"
    votes = [["c", who, "anger"] for who in ("a1", "a2", "a3")]
    write_csv(notes / "emotion_round1.csv", ["name", "annotator", "labels"], votes)
    verdicts = [["c", who, "reliable"] for who in ("r1", "r2")]
    write_csv(notes / "reliability_round1.csv", ["name", "annotator", "verdict"], verdicts)
    valences = [["c", f"v{i}", str(-i)] for i in range(6)]
    write_csv(notes / "valence.csv", ["name", "annotator", "valence"], valences)
    return tmp_path


OPEN_FLAGS = ["--mode=score_open", "--labels=labels.csv", "--predictions=predicted.csv",
              "--resamples=20", "--out=out"]  # fmt: skip
GROUPS = [*OPEN_FLAGS, "--synonyms=synonyms.json"]
WHEEL = [*OPEN_FLAGS, "--wheel=wheel.json"]
RESPONSES = ["--mode=score_responses", "--responses=answers.csv", "--candidates=happy,sad",
             "--resamples=20", "--out=out"]  # fmt: skip
PREFER = ["--mode=score_preference", "--labels=prefer.csv", "--responses=said.csv",
          "--resamples=20", "--out=out"]  # fmt: skip
FG = ["--mode=score_deepfake", "--task=fg", "--labels=keys.txt", "--predictions=scores.txt",
      "--resamples=20", "--out=out"]  # fmt: skip
RL = ["--mode=score_deepfake", "--task=rl", "--labels=regions.txt", "--predictions=regions.txt",
      "--resamples=20", "--out=out"]  # fmt: skip
AR = ["--mode=score_deepfake", "--task=ar", "--labels=classes.txt", "--predictions=classes.txt",
      "--resamples=20", "--out=out"]  # fmt: skip
ANNOTATE = ["--mode=annotate", "--annotations=notes", "--out=out/labels.csv", "--npz=out/label.npz"]
RIGHT = {
    "open": OPEN_FLAGS, "groups": GROUPS, "wheel": WHEEL, "responses": RESPONSES,
    "prefer": PREFER, "fg": FG, "rl": RL, "ar": AR, "annotate": ANNOTATE,
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_files_are_right(folder, name):
    scoring.run(*RIGHT[name])
    assert (folder / "out").is_dir()


def text(name, content):
    """Replaces a file by a text."""
    return lambda folder: (folder / name).write_text(content)


def cells(name, header, *rows):
    """Replaces a CSV."""
    return lambda folder: write_csv(folder / name, header.split(","), rows)


def more(name, *rows):
    """Adds lines to a CSV."""

    def change(folder):
        with (folder / name).open("a") as file:
            file.writelines(f"{row}\n" for row in rows)

    return change


def npy(content, **options):
    """The content of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, content, **options)
    return buffer.getvalue()


def zipped(**members):
    """A zip of synonym texts in place of the JSON."""

    def change(folder):
        with zipfile.ZipFile(folder / "synonyms.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(f"openset-synonym/{name}.npy", content)

    return change


def npz(name, **arrays):
    """An npz with these arrays."""
    return lambda folder: np.savez(folder / name, allow_pickle=True, **arrays)


def nothing(folder):
    """The files are right, the flags are not."""


ZIP = ["--synonyms=synonyms.zip"]
# What is done to the right files, the flags, and what the sentence says.
WRONG = {
    "no such file": (nothing, [*GROUPS, "--labels=nope.csv"], "nope.csv: no such file"),
    "a folder for a file": (nothing, [*RESPONSES, "--responses=notes"], "notes: is a folder"),
    "an empty file": (text("labels.csv", ""), GROUPS, "labels.csv: empty; expected a CSV"),
    "a header alone": (text("labels.csv", "name,openset\n"), GROUPS, "no line below it"),
    "no CSV": (text("labels.csv", 'name,openset\n"a'), GROUPS, "labels.csv, line 2: not a CSV"),
    "not UTF-8": (
        lambda f: (f / "labels.csv").write_bytes(b"name,openset\na,\xff\n"), GROUPS,
        "labels.csv: not UTF-8 text",
    ),
    "binary": (text("labels.csv", "PK\0\0"), GROUPS, "labels.csv: holds binary data"),
    "no openset": (
        cells("labels.csv", "name,words", ["a", "[]"]), GROUPS,
        "labels.csv: no column openset; found: name,words; needed: name,openset",
    ),
    "no name": (cells("predicted.csv", "id,openset", ["a", "[]"]), GROUPS, "no column name; found"),
    "a name twice": (
        more("predicted.csv", "a,['sad']"), GROUPS,
        "predicted.csv: 'a' is listed twice, on lines 2 and 4",
    ),
    "an empty name": (more("labels.csv", ",['sad']"), GROUPS, "labels.csv, line 4: the name is"),
    "a line that is too short": (
        more("labels.csv", "c"), GROUPS, "labels.csv, line 4: 1 cells, but the header has 2",
    ),
    "labels without a prediction": (
        more("labels.csv", "c,['sad']", "d,['sad']"), OPEN_FLAGS,
        "predicted.csv: 2 clips without a prediction: c, d; give them, or --missing=empty",
    ),
    "no list": (
        more("labels.csv", "c,happy or sad"), OPEN_FLAGS,
        "labels.csv, c: 'happy or sad' cannot be read as a list by --lists=literal (['happy', "
        "'sad']); correct the cell, or try --lists=mer2024 or --lists=mer2025",
    ),
    "a deep list": (more("labels.csv", "c," + "[" * 5000), OPEN_FLAGS, "labels.csv, c: '[[["),
    "an empty list of labels": (
        text("labels.csv", "name,openset\na,[]\nb,['sad']\n"), GROUPS,
        "labels.csv: 1 clip with an empty list of labels, whose recall has no meaning: a; "
        "--skip_empty_labels",
    ),
    "a synonym file too few": (
        text("synonyms.json", '{"a": []}'), GROUPS,
        "synonyms.json: 1 clip without synonym groups: b; the score would be over other clips",
    ),
    "a synonym file too many": (
        text("synonyms.json", '{"a": [], "b": [], "z": []}'), GROUPS,
        "synonyms.json: holds groups of 1 clip without a label: z",
    ),
    "synonyms of another form": (
        text("synonyms.json", '{"a": ["happy"], "b": []}'), GROUPS,
        "synonyms.json, a: expected [[word, ...], ...]",
    ),
    "synonyms that are no JSON": (text("synonyms.json", "[["), GROUPS, "not a JSON file"),
    "pickled synonyms": (
        zipped(a=npy(np.array({"a": 1}, object), allow_pickle=True)), [*OPEN_FLAGS, *ZIP],
        "a.npy: refused, its content is pickled; expected a text",
    ),
    "a large member": (
        zipped(a=b"0" * (1 << 20) + b"1"), [*OPEN_FLAGS, *ZIP], "a.npy: 1048577 bytes",
    ),
    "numbers for a text": (
        zipped(a=npy(np.array(1.5))), [*OPEN_FLAGS, *ZIP], "holds float64 (); expected texts",
    ),
    "no zip": (text("synonyms.zip", "x"), [*OPEN_FLAGS, *ZIP], "not a readable zip"),
    "an npz of other keys": (
        npz("p.npz", names=np.array(["a"])), [*OPEN_FLAGS, "--predictions=p.npz"],
        "p.npz: holds names.npy; expected the arrays filenames, fileitems alone",
    ),
    "an npz of unequal arrays": (
        npz("p.npz", filenames=np.array(["a", "b"]), fileitems=np.array(["[]"])),
        [*OPEN_FLAGS, "--predictions=p.npz"], "are not lists of the same length",
    ),
    "a wheel's folder without lists": (
        nothing, [*OPEN_FLAGS, "--wheel=notes"],
        "notes: lacks format.csv, synonym.xlsx, wheel1.xlsx, ",
    ),
    "a workbook that is none": (
        lambda f: [write_csv(f / "w" / "format.csv", ["name", "format"], [["a", "a"]]),
                   *((f / "w" / f"{n}.xlsx").write_text("x")
                     for n in ("synonym", *(f"wheel{i}" for i in range(1, 6))))],
        [*OPEN_FLAGS, "--wheel=w"], "synonym.xlsx: not a readable .xlsx workbook",
    ),
    "a wheel.json of another form": (
        text("wheel.json", json.dumps({**scoring.WHEEL, "forms": {"happy": "happy"}})), WHEEL,
        "wheel.json: its maps are not as MER2025",
    ),
    "hit rate of two labels": (
        nothing, [*WHEEL, "--hit_rate"], "1 clip without exactly one label, which --hit_rate",
    ),
    "synonyms and wheel": (nothing, [*WHEEL, "--synonyms=synonyms.json"], "give one of them"),
    "hit rate without a wheel": (nothing, [*OPEN_FLAGS, "--hit_rate"], "--hit_rate needs --wheel"),
    "unknown benchmark": (
        nothing, ["--mode=score_responses", "--responses=answers.csv", "--benchmark=ck"],
        "--benchmark=ck: no such set; one of: ckplus, ",
    ),
    "benchmark and candidates": (nothing, [*RESPONSES, "--benchmark=mer2023"], "leave these out"),
    "no column of answers": (
        nothing, [*RESPONSES, "--column=gemini"],
        "answers.csv: no column gemini; found: name,gt,gpt4v; --column=NAME",
    ),
    "no labels": (
        cells("answers.csv", "name,gpt4v", ["x", "happy"]), RESPONSES,
        "answers.csv: has no column gt; give the labels by --labels=FILE",
    ),
    "labels of other clips": (
        nothing, [*RESPONSES, "--labels=answers2.csv"], "answers2.csv: no such file",
    ),
    "labels without any of the names": (
        cells("gt.csv", "name,gt", ["y", "happy"]), [*RESPONSES, "--labels=gt.csv"],
        "answers.csv: none of its names stands in gt.csv: x",
    ),
    "a sign that is no number": (
        nothing, [*RESPONSES, "--rule=sign"], "the label 'happy' is not a number, and --rule=sign",
    ),
    "an emotion without polarity": (
        nothing, [*RESPONSES, "--rule=polarity"], "label 'happy' has no polarity",
    ),
    "an alias of one word": (nothing, [*RESPONSES, "--alias=x"], "--alias=x: expected WORD=OTHER"),
    "answers that all drop out": (
        nothing, [*RESPONSES, "--rule=drop", "--candidates=sad"],
        "no clip counts: outside the candidates",
    ),
    "another's --missing": (
        nothing, [*RESPONSES, "--missing=empty"], "--missing=empty goes with --mode=score_open",
    ),
    "an unknown preference": (
        more("prefer.csv", "q,both"), PREFER, "prefer.csv, line 3, q: unknown preference 'both'",
    ),
    "a clip without a response": (more("prefer.csv", "q,a2"), PREFER, "clip without a response: q"),
    "an unknown key": (text("keys.txt", "u real\n"), FG, "line 1, u: unknown label 'real'"),
    "a score that is none": (
        text("scores.txt", "u 1\nv nan\n"), FG, "line 2, v: score 'nan' is not a finite",
    ),
    "an utterance without a score": (text("scores.txt", "u 1\n"), FG, "clip without a prediction"),
    "genuine alone": (text("keys.txt", "u genuine\n"), FG, "keys.txt: needs genuine and fake"),
    "round 2 without its scores": (nothing, [*FG, "--labels2=keys.txt"], "go together"),
    "weights": (
        nothing, [*FG, "--labels2=keys.txt", "--predictions2=scores.txt", "--weights=1,1"],
        "--weights=1,1: expected two numbers whose sum is 1",
    ),
    "a segment": (text("regions.txt", "u 0-1-X 0\n"), RL, "line 1, u: segment '0-1-X' is not"),
    "a flag of an utterance": (text("regions.txt", "u 0-1-T 2\n"), RL, "flag '2' is neither 1"),
    "a line of another form": (text("regions.txt", "u\n"), RL, "expected NAME SEGMENTS FLAG"),
    "a class": (text("classes.txt", "u 8\n"), AR, "classes.txt, line 1, u: unknown class '8'"),
    "no annotations": (
        lambda f: (f / "notes" / "emotion_round1.csv").unlink(), ANNOTATE,
        "notes: lacks emotion_round1.csv",
    ),
    "an unknown emotion": (
        more("notes/emotion_round1.csv", "c,a4,worrry"), ANNOTATE,
        "emotion_round1.csv, line 5, c: unknown label 'worrry'; did you mean worry?",
    ),
    "a third label": (
        more("notes/emotion_round1.csv", "c,a4,anger;worry;sadness"), ANNOTATE,
        "line 5, c: 3 labels; an annotator gives one or two",
    ),
    "other beside a second": (
        more("notes/emotion_round1.csv", "c,a4,other;anger"), ANNOTATE, "stand alone",
    ),
    "an annotator twice": (
        more("notes/emotion_round1.csv", "c,a1,anger"), ANNOTATE,
        "emotion_round1.csv: a1 stands at c on lines 2 and 5",
    ),
    "a judge who annotated": (
        more("notes/reliability_round1.csv", "c,a2,reliable"), ANNOTATE,
        "round 1, c: a2 judges a clip that a2 also annotated",
    ),
    "one verdict": (
        cells("notes/reliability_round1.csv", "name,annotator,verdict", ["c", "r1", "reliable"]),
        ANNOTATE, "round 1: 1 clip with a major emotion and fewer than 2 verdicts: c",
    ),
    "a verdict on a clip that did not pass": (
        lambda f: [more("notes/emotion_round1.csv", "d,a1,anger")(f),
                   more("notes/reliability_round1.csv", "d,r1,reliable")(f)],
        ANNOTATE, "d: a verdict on a clip that did not pass the agreement (too_few_annotators)",
    ),
    "an unknown verdict": (
        more("notes/reliability_round1.csv", "c,r3,fine"), ANNOTATE, "unknown verdict 'fine'",
    ),
    "five valences": (
        cells("notes/valence.csv", "name,annotator,valence", ["c", "v1", "1"]), ANNOTATE,
        "c: 1 valences, but a reliable clip has 6",
    ),
    "a valence out of range": (
        more("notes/valence.csv", "c,v9,6"), ANNOTATE,
        "valence.csv, line 8, c: valence '6' is no whole number from -5 to 5",
    ),
    "no valences": (
        lambda f: (f / "notes" / "valence.csv").unlink(), ANNOTATE, "notes: lacks valence.csv",
    ),
    "a clip labelled anew that passed": (
        cells("notes/emotion_round2.csv", "name,annotator,labels", ["c", "a1", "anger"]), ANNOTATE,
        "round 2 labels 1 clip again that did not fail the reliability of round 1: c",
    ),
    **{
        f"a file for the folder, {name}": (
            text("report", "mine"), [*flags, "--out=report"],
            "--out: report is a file; name a folder, which need not be there",
        )
        for name, flags in {"open": OPEN_FLAGS, "responses": RESPONSES, "prefer": PREFER,
                            "deepfake": FG}.items()
    },
    "a folder below a file": (
        text("report", "mine"), [*OPEN_FLAGS, "--out=report/more"], "report is a file, and ",
    ),
    "a folder for a written file": (
        lambda f: (f / "report" / "clips.csv").mkdir(parents=True),
        [*OPEN_FLAGS, "--out=report"], "clips.csv is a folder; name a file in it",
    ),
    "what is read would be replaced": (
        lambda f: (f / "labels.csv").rename(f / "clips.csv"),
        [*OPEN_FLAGS, "--labels=clips.csv", "--out=."], "--out: clips.csv is what --labels reads",
    ),
    "a folder for the npz": (
        nothing, [*ANNOTATE, "--npz=notes"], "--npz: notes is a folder; name a file in it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_told_in_one_sentence_and_nothing_is_written(folder, capsys, name):
    change, flags, sentence = WRONG[name]
    change(folder)
    with pytest.raises(InputError) as refusal:
        scoring.run(*flags)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not (folder / "out").exists()
    assert capsys.readouterr().out == ""


class _Calls:
    """Pickles as a call of `os.system`."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def npz_of_pickles(path, **pickled):
    """An npz whose members are object arrays of these pickles, raw."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in pickled.items():
            archive.writestr(f"{name}.npy", header.getvalue() + content)


def bomb():
    """A list in a list twice, and so on: 2 ** 40 values in a few bytes."""
    value = ["happy"]
    for _ in range(40):
        value = [value, value]
    return pickle.dumps(value)


@pytest.mark.parametrize("kind", ["calls", "bomb"])
def test_hostile_pickles_are_refused_and_not_run(folder, kind):
    marker = folder / "marker"
    content = bomb() if kind == "bomb" else pickle.dumps(_Calls(f"touch '{marker}'"))
    plain = pickle.dumps({"happy": ["happy"]})
    npz_of_pickles(folder / "wheel_mapping.npz", format_mapping=content, raw_mapping=plain,
                   wheel_map_whole=plain)  # fmt: skip
    npz_of_pickles(folder / "p-openset.npz", filenames=plain, fileitems=content)
    for flags in (["--wheel=wheel_mapping.npz"], ["--predictions=p-openset.npz"]):
        with pytest.raises(InputError, match="refused, not a plain list or dictionary"):
            scoring.run(*OPEN_FLAGS, *flags)
    assert not marker.exists()
    assert not (folder / "out").exists()


def test_plain_pickles_of_a_wheel_and_of_native_lists_are_read(folder):
    arrays = {
        "format_mapping": scoring.WHEEL["forms"],
        "raw_mapping": scoring.WHEEL["synonyms"],
        "wheel_map_whole": scoring.WHEEL["wheels"],
    }
    objects = {name: np.array(value, object) for name, value in arrays.items()}
    np.savez(folder / "wheel_mapping.npz", allow_pickle=True, **objects)
    items = np.empty(2, object)
    items[:] = [["happy"], ["sad", "can't say"]]
    np.savez(folder / "p.npz", allow_pickle=True, filenames=np.array(["a", "b"]), fileitems=items)
    scoring.run(*OPEN_FLAGS, "--wheel=wheel_mapping.npz", "--predictions=p.npz")
    assert scoring.scores(folder / "out")["words"] == {
        "all": 6, "unknown": 1, "dropped": {"wheel1": 1, "wheel2": 2},
    }  # fmt: skip
