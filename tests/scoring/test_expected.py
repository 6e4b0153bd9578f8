"""Every expected result of the organisers' material, from the command line."""

import json
import re

import pytest

from mer_jax.scoring import annotation_files, deepfake, lists, responses, wheel, wheel_files
from mer_jax.scoring import benchmarks as benchmarks_lib
from tests.support import scoring
from tests.support.scoring import SHARED, needs_shared

pytestmark = needs_shared
EXACT = 1e-12


def expected(*parts):
    return json.loads(SHARED.joinpath(*parts).read_text())


def close(values, tolerance=EXACT):
    return pytest.approx(values, abs=tolerance, rel=0)


@pytest.mark.parametrize("folder", ["ov2024", "ov_tiny"])
@pytest.mark.parametrize("as_it_is", [True, False], ids=["as it is", "disguised"])
def test_mer2024(tmp_path, folder, as_it_is):
    labels, predictions = SHARED / folder / "labels.csv", SHARED / folder / "predictions.csv"
    if not as_it_is:
        labels = scoring.disguise(labels, tmp_path / "l.csv")
        predictions = scoring.disguise(predictions, tmp_path / "p.csv", lambda cell: cell.upper())
    synonyms = SHARED / folder / ("openset-synonym.zip" if folder == "ov2024" else "synonyms.json")
    flags = [f"--labels={labels}", f"--predictions={predictions}", "--resamples=20"]
    wanted = expected(folder, "expected.json")
    for more, key, line in (
        ([f"--synonyms={synonyms}"], "with_synonyms", "MER2024, synonym groups"),
        ([], "without_synonyms", "plain sets of words"),
        (
            [f"--synonyms={synonyms}", "--lists=literal"],
            "with_synonyms_lists_read_as_python_literals",
            "MER2024, synonym groups",
        ),
    ):
        if key not in wanted:
            continue
        out = tmp_path / key
        scoring.run("--mode=score_open", *flags, *more, f"--out={out}")
        found = scoring.scores(out)
        n = wanted[key].pop("n")
        assert found["scores"][line] == close(wanted[key])
        assert found["clips"][line] == n
    if folder == "ov2024" and as_it_is:
        rows = {row["name"]: row for row in scoring.read_csv(tmp_path / "with_synonyms/clips.csv")}
        for row in scoring.read_csv(SHARED / folder / "expected_clips.csv"):
            ours = rows[row["name"]]
            assert float(ours["accuracy"]) == close(float(row["accuracy"]))
            assert float(ours["recall"]) == close(float(row["recall"]))
            assert set(ours["label_set"].split("|")) == set(row["label_groups"].split("|"))
            assert set(ours["predicted_set"].split("|")) == set(row["predicted_groups"].split("|"))


def test_reading_lists_and_groups():
    for case in expected("lists", "cases.json"):
        for name, read in lists.LISTS.items():
            assert read(case["text"]) == case[name]
    for case in expected("lists", "synonym_cases.json"):
        assert lists.read_groups(case["text"]) == case["groups"]


@pytest.mark.parametrize("source", ["2025", "2025/wheel.json", "2026", "2026/wheel.json"])
def test_wheels(tmp_path, source):
    year = source[:4]
    scoring.run(
        "--mode=score_open",
        f"--labels={SHARED / 'ov2024' / 'labels.csv'}",
        f"--predictions={SHARED / 'wheel' / 'on_ov2024' / 'predictions-openset.npz'}",
        f"--wheel={SHARED / 'wheel' / source}",
        "--resamples=0",
        f"--out={tmp_path}",
    )
    found = scoring.scores(tmp_path)
    assert found["maps"]["version"] == f"MER{year}"
    wanted = expected("wheel", "on_ov2024", "expected.json")
    for level in wheel.LEVELS:
        of_level = wanted[f"{year} {level}"]
        wheels = of_level.pop("wheels")
        assert found["scores"][f"wheels, {level}"] == close(of_level)
        for name, scores in wheels.items():
            assert found["clips"][f"  {level} {name}"] == scores.pop("n")
            assert found["scores"][f"  {level} {name}"] == close(scores)
    if source == "2026":
        rows = {row["name"]: row for row in scoring.read_csv(tmp_path / "clips.csv")}
        for row in scoring.read_csv(
            SHARED / "wheel" / "on_ov2024" / "expected_clips_2026_level1.csv"
        ):
            ours, prefix = rows[row["name"]], f"level1_{row['wheel']}_"
            for key in ("label_sectors", "predicted_sectors"):
                assert ours[prefix + key] == row[key]
            for key in ("precision", "recall"):
                if row[key]:
                    assert float(ours[prefix + key]) == close(float(row[key]))


@pytest.mark.parametrize("year", ["2025", "2026"])
def test_groups_by_the_wheels_score_as_stated(tmp_path, year):
    """.31 over all clips of the store, of which these are a third; plain sets give .21."""
    flags = [f"--labels={SHARED / 'ov2024' / 'labels.csv'}",
             f"--predictions={SHARED / 'ov2024' / 'predictions.csv'}"]  # fmt: skip
    out = tmp_path / "groups.json"
    wheels = f"--wheel={SHARED / 'wheel' / year}"
    scoring.run("--mode=group_words", *flags, "--by=wheel", wheels, f"--out={out}")
    scoring.run("--mode=score_open", *flags, f"--synonyms={out}", "--resamples=0",
                f"--out={tmp_path / 'out'}")  # fmt: skip
    (found, _) = scoring.scores(tmp_path / "out")["scores"].values()
    assert found["average"] == pytest.approx(0.31, abs=0.02)


def test_the_maps_from_the_word_lists_are_those_of_wheel_json():
    built = wheel_files.read_wheels(SHARED / "wheel" / "2025")
    stored = expected("wheel", "2025", "wheel.json")
    assert built.forms == stored["forms"]
    assert built.synonyms == stored["synonyms"]
    assert built.wheels == stored["wheels"]
    for year in ("2025", "2026"):
        wheels = wheel_files.read_wheels(SHARED / "wheel" / year)
        for word, by_year in expected("wheel", "words.json").items():
            for name, levels in by_year[year].items():
                for level, sector in levels.items():
                    assert wheels.sector(word, name, level) == sector


FILES = sorted(benchmarks_lib.PUBLISHED)


def test_the_benchmarks_are_those_of_the_material():
    stored = expected("gpt4v", "datasets.json")
    ours = {
        name: {**of._asdict(), "candidates": list(of.candidates)}
        for name, of in benchmarks_lib.BENCHMARKS.items()
    }
    assert ours == stored
    polarity = expected("gpt4v", "polarity.json")
    assert {w: sign for sign, words in polarity.items() for w in words} == benchmarks_lib.POLARITY


@pytest.mark.parametrize(("name", "file"), FILES, ids=[f"{n}/{f}" for n, f in FILES])
@pytest.mark.parametrize("as_it_is", [True, False], ids=["as it is", "disguised"])
def test_stored_answers(tmp_path, name, file, as_it_is):
    folder = SHARED / "gpt4v" / name
    answers, labels = folder / file, folder / "label.csv"
    if not as_it_is:
        answers = scoring.disguise(answers, tmp_path / file)
        labels = scoring.disguise(labels, tmp_path / "label.csv")
    wanted = expected("gpt4v", "expected.json")[f"{name}/{file}"]
    cells = [
        row
        for row in scoring.read_csv(SHARED / "gpt4v" / "cells.csv")
        if (row["data_set"], row["file"]) == (name, file)
    ]
    flags = [f"--responses={answers}", f"--benchmark={name}", f"--labels={labels}"]
    for aliases in ([], ["--alias=surprised=surprise"]):
        out = tmp_path / f"out{len(aliases)}"
        scoring.run("--mode=score_responses", *flags, *aliases, "--resamples=0", f"--out={out}")
        found = scoring.scores(out)
        scores = found["scores"][answers.stem]
        of = wanted.get("with_surprised_as_surprise", wanted) if aliases else wanted
        for metric in ("accuracy", "weighted_f1", "uar"):
            assert 100 * scores[metric] == close(of[metric], 1e-11)
        rows = [row for row in cells if ("surprised" in row["rule"]) == bool(aliases)]
        for row in rows:
            metric = {"war": "accuracy"}.get(row["metric"], row["metric"])
            assert 100 * scores[metric] == pytest.approx(float(row["published"]), abs=0.0051)
            assert found["scores"]["published"][metric] == pytest.approx(
                float(row["published"]) / 100
            )
            assert found["coverage"]["asked"] == int(row["n_listed"])
            assert found["coverage"]["answered"] == int(row["n_answered"])
            assert found["coverage"]["scored"] == int(row["n_scored"])
            assert found["coverage"]["outside_the_candidates"] == int(row["out_of_list"])
        if not aliases:
            signs = {"False": "negative", "True": "positive"}
            assert {k: 100 * v for k, v in found["recall"].items()} == close(
                {signs.get(k, k): v for k, v in of["recall_by_class"].items()}, 1e-11
            )
            (majority,) = [v for k, v in found["scores"].items() if k.startswith("majority: ")]
            assert 100 * majority["accuracy"] == close(of["majority_accuracy"], 1e-11)
            assert 100 * majority["weighted_f1"] == close(of["majority_weighted_f1"], 1e-11)
            if "top_k_accuracy" in of:
                assert [100 * v for v in found["top_k"]] == close(of["top_k_accuracy"], 1e-11)


def test_mer2023_tells_which_clips_can_never_be_right(capsys):
    folder = SHARED / "gpt4v" / "mer2023"
    answers = f"--responses={folder / 'label-gpt4v-multi.csv'}"
    scoring.run("--mode=score_responses", answers, "--benchmark=mer2023", "--resamples=0")
    assert "18 clips are labelled surprise, which is no candidate" in capsys.readouterr().out


def test_preference(tmp_path):
    folder = SHARED / "prefer" / "by_hand"
    wanted = json.loads((folder / "expected.json").read_text())
    scoring.run(
        "--mode=score_preference",
        f"--labels={scoring.disguise(folder / 'labels.csv', tmp_path / 'labels.csv')}",
        f"--responses={folder / 'responses.csv'}",
        f"--out={tmp_path}",
        "--resamples=20",
    )
    found = scoring.scores(tmp_path)
    for line, key in (("two classes", "two_class"), ("three classes", "three_class")):
        assert found["clips"][line] == wanted[key].pop("n")
        assert {k: found["scores"][line][k] for k in wanted[key]} == close(wanted[key])
    answers = {row["name"]: row["answer"] for row in scoring.read_csv(tmp_path / "clips.csv")}
    assert answers == wanted["answers"]


def deepfake_flags(folder, *names):
    return [
        f"--{flag}={SHARED / 'add2023' / folder / name}"
        for flag, name in zip(("labels", "predictions", "labels2", "predictions2"), names)  # noqa: B905
    ]


@pytest.mark.parametrize("folder", ["fg_small", "fg_ties"])
def test_equal_error_rate(tmp_path, folder):
    names = [f"{what}_round{number}.txt" for number in (1, 2) for what in ("labels", "scores")]
    flags = deepfake_flags(folder, *names)
    scoring.run("--mode=score_deepfake", "--task=fg", *flags, "--resamples=9", f"--out={tmp_path}")
    found, wanted = scoring.scores(tmp_path), expected("add2023", folder, "expected.json")
    assert found["scores"]["weighted"]["eer"] == close(wanted.pop("weighted_eer_0.4_0.6"))
    for name, of in wanted.items():
        ours = found[f"round {name.removeprefix('round')}"]
        assert ours["eer"] == close(of["eer"])
        assert ours["threshold"] == of["threshold"]
        assert (ours["genuine"], ours["fake"]) == (of["n_genuine"], of["n_fake"])


def test_equal_error_rate_by_hand():
    for case in expected("add2023", "fg_by_hand.json"):
        found = deepfake.equal_error_rate(case["genuine"], case["fake"])
        assert (found.eer, found.threshold) == (close(case["eer"]), case["threshold"])


@pytest.mark.parametrize("folder", ["rl_small", "rl_by_hand"])
def test_regions(tmp_path, folder):
    flags = deepfake_flags(folder, "labels.txt", "predictions.txt")
    scoring.run("--mode=score_deepfake", "--task=rl", *flags, "--resamples=9", f"--out={tmp_path}")
    found, wanted = scoring.scores(tmp_path), expected("add2023", folder, "expected.json")
    assert found["clips"]["track 2"] == wanted.pop("n")
    mean = "f1_mean_over_utterances_with_fake_in_either"
    assert found[mean] == close(wanted.pop(mean))
    for key in ("tp_s", "fp_s", "fn_s"):
        assert found[key] == close(wanted.pop(key), 1e-9)
    assert found["scores"]["track 2"] == close(wanted)


def test_the_published_region_score_follows_from_its_parts():
    of = expected("add2023", "rl_published.json")
    score = (
        deepfake.SENTENCE_WEIGHT * of["sentence_accuracy"]
        + deepfake.SEGMENT_WEIGHT * of["segment_f1"]
    )
    assert score == pytest.approx(of["score"], abs=5e-5)


def test_recognition(tmp_path):
    of = expected("add2023", "ar_by_hand.json")
    labels, predictions = tmp_path / "labels.txt", tmp_path / "predictions.txt"
    labels.write_text("".join(f"{k} {v}\r\n" for k, v in of["labels"].items()))
    predictions.write_text("".join(f"{k} {v}\n" for k, v in reversed(of["predictions"].items())))
    by_hand = ([f"--labels={labels}", f"--predictions={predictions}"], of["expected"])
    tenth = deepfake_flags("ar_refd_tenth", "labels.txt", "predictions.txt")
    for flags, wanted in (by_hand, (tenth, expected("add2023", "ar_refd_tenth", "expected.json"))):
        out = tmp_path / "out"
        scoring.run("--mode=score_deepfake", "--task=ar", *flags, "--resamples=9", f"--out={out}")
        found = scoring.scores(out)
        assert found["clips"]["track 3"] == wanted["n"]
        assert found["f1_by_class"] == close(wanted["f1_by_class"])
        for key in ("accuracy", "macro_f1"):
            assert found["scores"]["track 3"][key] == close(wanted[key])


def test_annotation(tmp_path):
    folder = SHARED / "annotation" / "by_hand"
    for source in folder.glob("*.csv"):
        scoring.disguise(source, tmp_path / source.name)
    for number, of in enumerate((folder, tmp_path)):
        out = tmp_path / f"labels{number}.csv"
        scoring.run("--mode=annotate", f"--annotations={of}", f"--out={out}")
        assert scoring.read_csv(out) == scoring.read_csv(folder / "expected.csv")
    assert annotation_files.COLUMNS[0] == "name"


def test_answers_in_texts():
    from mer_jax.asking import answers

    for case in expected("responses", "cases.json"):
        found = answers.read_rankings(case["text"], case["inputs"], case["candidates"])
        assert found.answers == case["answers"]
        if case["answers"] is None:
            assert found.reason == re.sub("^one answer of two$", "1 answers for 2 inputs",
                                          case["reason"])  # fmt: skip


def test_the_rules_are_named():
    assert set(responses.RULES) == {of.rule for of in benchmarks_lib.BENCHMARKS.values()}
