"""What the score modes load, and what a trained model's submission can be used for."""

import ast
import math
import pathlib
import subprocess
import sys

import mer_jax
from mer_jax.corpora import corpus_info
from mer_jax.data import label_files
from mer_jax.data.labels import MISSING_EMOTION
from mer_jax.scoring import annotation_files
from tests.support import scoring

ROOT = pathlib.Path(mer_jax.__file__).parent
HEAVY = {"jax", "jaxlib", "flax", "optax", "orbax", "tensorflow_datasets", "ml_collections"}


def test_no_module_of_scoring_and_asking_loads_jax():
    modules = [
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        for folder in ("scoring", "asking")
        for path in sorted((ROOT / folder).glob("[!_]*.py"))
    ]
    assert len(modules) > 25
    code = (
        f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\n"
        f"print({HEAVY} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    for name in modules:
        path = ROOT.parent.joinpath(*name.split(".")).with_suffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not HEAVY & {each.partition(".")[0] for each in names}, path


def test_a_whole_command_loads_no_jax_and_exits_with_0_or_2(tmp_path):
    labels = scoring.write_csv(tmp_path / "l.csv", ["name", "openset"], [["a", "['happy']"]])
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print({HEAVY} & set(sys.modules)))\n"
        "from mer_jax import main\nmain.main()"
    )
    for predictions, status in ((labels, 0), (tmp_path / "nope.csv", 2)):
        flags = ["--mode=score_open", f"--labels={labels}", f"--predictions={predictions}"]
        command = [sys.executable, "-c", code, *flags]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == status
        assert done.stdout.endswith("set()\n")
        assert done.stderr.count("\n") == (status == 2)


def test_a_submission_of_a_trained_model_enters_both_scores(tmp_path):
    submission = scoring.write_csv(
        tmp_path / "mer_multi.csv", ["name", "discrete", "valence"],
        [["a", "happy", "1.5"], ["b", "sad", "-2"]],
    )  # fmt: skip
    openset = scoring.write_csv(
        tmp_path / "openset.csv", ["name", "openset"], [["a", "['happy', 'calm']"], ["b", "['x']"]]
    )
    scoring.run("--mode=score_open", f"--labels={openset}", f"--predictions={submission}",
                f"--out={tmp_path / 'open'}")  # fmt: skip
    assert scoring.scores(tmp_path / "open")["scores"]["plain sets of words"] == {
        "accuracy": 0.5, "recall": 0.25, "average": 0.375,
    }  # fmt: skip
    labels = scoring.write_csv(
        tmp_path / "label.csv", ["name", "discrete"], [["a", "happy"], ["b", "angry"]]
    )
    scoring.run("--mode=score_responses", f"--responses={submission}", f"--labels={labels}",
                "--candidates=happy,sad,angry", f"--out={tmp_path / 'said'}")  # fmt: skip
    assert scoring.scores(tmp_path / "said")["scores"]["mer_multi"]["accuracy"] == 0.5


def test_the_label_file_of_annotations_is_one_that_training_reads(tmp_path):
    from mer_jax.scoring.annotation import Outcome

    outcomes = {
        "a": Outcome("happy", 2.5, 1, "reliable"),
        "b": Outcome(None, None, 1, "tie"),
        "c": Outcome("sad", None, 2, "reliable"),
    }
    path = tmp_path / "label-6way.npz"
    annotation_files.write_npz(path, outcomes)
    read = label_files.read([path], corpus_info("mer2023")).splits
    task = corpus_info("mer2023").task
    assert set(read) == {"train", "mer_semi"}
    assert task.classes[read["train"]["a"].emotion] == "happy"
    assert read["train"]["a"].valence == 2.5
    assert math.isnan(read["train"]["c"].valence)
    assert read["mer_semi"]["b"].emotion == MISSING_EMOTION


def test_annotation_by_plurality_and_without_valence(tmp_path):
    votes = [["c", f"a{i}", label] for i, label in enumerate(["anger", "anger", "worry", "happy"])]
    scoring.write_csv(tmp_path / "emotion_round1.csv", ["name", "annotator", "labels"], votes)
    flags = ["--mode=annotate", f"--annotations={tmp_path}", "--valence_count=0"]
    scoring.run(*flags, f"--out={tmp_path / 'half.csv'}")
    (row,) = scoring.read_csv(tmp_path / "half.csv")
    assert (row["status"], row["reason"]) == ("unlabelled", "no_majority")
    verdicts = [["c", who, "Reliable"] for who in ("r1", "r2")]
    scoring.write_csv(
        tmp_path / "reliability_round1.csv", ["name", "annotator", "verdict"], verdicts
    )
    scoring.run(*flags, f"--out={tmp_path / 'most.csv'}", "--majority=plurality")
    (row,) = scoring.read_csv(tmp_path / "most.csv")
    assert (row["discrete"], row["valence"], row["reason"]) == ("angry", "", "reliable")
