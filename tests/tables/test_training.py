"""Tables of many runs end to end: rows that train, fail, are skipped and stay as they are."""

import csv
import json
import shutil

import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax import experiment, lock, published
from mer_jax.data import synthetic
from mer_jax.errors import InputError
from mer_jax.modes import build, train
from mer_jax.tables import gathering, resolution
from mer_jax.termination import Terminated
from tests.support.configs import changed

COUNTS = {"train": 30, "mer_multi": 6, "mer_noise": 6, "mer_semi": 6}
ONE, ABSENT, DAMAGED, TWO = "HuBERT-large", "MacBERT-large", "HuBERT-base", "VGGish"
# Of one modality and size: all that train share a program.
ROWS = (f"audio {ONE}", f"text {ABSENT}", f"audio {DAMAGED}", f"audio {TWO}")
DAMAGED_SET = "chinese-hubert-base-UTT"


def config_of(root, tfds_dir, **changes):
    """Two runs a row, one epoch."""
    return config_lib.check(
        changed(
            **{
                "data__root": str(root), "data__tfds_dir": str(tfds_dir), "model__hidden": 4,
                "train__learning_rate": 1e-3, "train__epochs": 1, "folds": 2, "repeats": 1,
                "evaluate__bootstrap": 0, "report": False, "table__rows": ROWS,
                "table__aliases": "VGGish=sounds", **changes,
            }
        )
    )  # fmt: skip


def bytes_of(folder):
    """When each file was written and what it holds; hidden ones, such as a lock, left out."""
    paths = [path for path in folder.rglob("[!.]*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def csv_of(workdir):
    with (workdir / "table.csv").open() as file:
        return {row["row"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder that lacks MacBERT-large, calls VGGish otherwise, and has a damaged set."""
    folder = tmp_path_factory.mktemp("user") / "corpus"
    sets = ["chinese-hubert-large-UTT", DAMAGED_SET, "vggish_UTT"]
    synthetic.ensure(folder, seed=1, pool=2, counts=COUNTS, feature_sets=sets)
    (folder / "features" / "vggish_UTT").rename(folder / "features" / "sounds")
    first = min((folder / "features" / DAMAGED_SET).iterdir())
    np.save(first, np.full_like(np.load(first), np.nan))
    return folder


@pytest.fixture(scope="module")
def config(root, tmp_path_factory):
    return config_of(root, tmp_path_factory.mktemp("tfds"))


@pytest.fixture(scope="module")
def trained(config, tmp_path_factory):
    """The table after its first command, and what that said in the end."""
    workdir = tmp_path_factory.mktemp("tables") / "table"
    with pytest.raises(InputError) as told:
        train.train(config, workdir)
    return workdir, str(told.value)


def test_rows_are_trained_skipped_by_name_or_failed(trained):
    workdir, told = trained
    assert told == f"1 of 4 rows failed; {workdir / 'table.md'} lists the errors: {DAMAGED}"
    assert {path.name for path in workdir.iterdir() if path.is_dir()} == {ONE, TWO}
    notes = {label: row["note"] for label, row in csv_of(workdir).items()}
    assert list(notes) == [ONE, ABSENT, DAMAGED, TWO]
    assert notes[ABSENT] == "missing: chinese-macbert-large-4-UTT"
    assert notes[DAMAGED].startswith("failed: ")
    assert "values are NaN or infinite" in notes[DAMAGED]
    assert notes[ONE] == notes[TWO] == ""


def test_a_row_is_a_workdir_of_its_own(trained):
    workdir, _ = trained
    one, two = (json.loads((workdir / name / "config.json").read_text()) for name in (ONE, TWO))
    assert one["config"]["features"]["audio"] == "chinese-hubert-large-UTT"
    assert two["config"]["features"]["audio"] == "sounds"
    assert [c["config"]["table"]["aliases"] for c in (one, two)] == ["", "VGGish=sounds"]
    assert one["config"]["table"]["rows"] == []
    before = bytes_of(workdir / ONE)
    train.train(config_lib.read_saved(workdir / ONE / "config.json"), workdir / ONE)
    assert bytes_of(workdir / ONE) == before


def test_rows_of_one_modality_have_a_fusion_of_their_own(config):
    config = config.copy_and_resolve_references()
    config.table.rows = ("audio HuBERT-large", "audio HuBERT-large, video sounds")
    config.table.metrics = ("dis",)
    of_rows, notes = resolution.resolve(config)
    alone, together = of_rows
    assert notes == {}
    assert of_rows[alone].model.fusion == "unimodal"
    assert of_rows[together].model.fusion == "attention"
    assert of_rows[together].features.video == "sounds"
    # What a table shows is none of a row's business: changed, the row can still be continued.
    assert of_rows[alone].table.metrics == ("dis", "dim", "com", "sign_f1")


def test_the_table_holds_the_rows_scores_and_the_published_beside_them(trained):
    workdir, _ = trained
    rows = csv_of(workdir)
    for name in (ONE, TWO):
        results = json.loads((workdir / name / "results.json").read_text())
        assert (
            float(rows[name]["cross-validation com"])
            == (results["cross_validation"]["com"]["mean"])
        )
        assert float(rows[name]["mer_semi dis"]) == results["test"]["mer_semi"]["dis"]["mean"]
    assert float(rows[TWO]["mer_semi dis published"]) == 0.5481
    assert float(rows[ABSENT]["mer_multi dis published std"]) == 0.0099
    assert "(40.76±0.60)" in (workdir / "table.md").read_text()
    assert "(40.76$\\pm$0.60)" in (workdir / "table.tex").read_text()


def test_started_again_it_trains_what_is_left_and_nothing_else(trained, config, root, tmp_path):
    workdir, _ = trained
    again = tmp_path / "table"
    shutil.copytree(workdir, again)
    shutil.rmtree(root / "features" / DAMAGED_SET)
    synthetic.ensure(root, seed=1, pool=2, counts=COUNTS, feature_sets=[DAMAGED_SET])  # mended
    before = bytes_of(again / ONE) | bytes_of(again / TWO)
    train.train(config, again)  # raises nothing now
    after = bytes_of(again)
    assert {path: after[path] for path in before} == before
    assert (again / DAMAGED / "results.json").is_file()
    assert csv_of(again)[DAMAGED]["note"] == ""
    assert csv_of(again)[ONE] == csv_of(workdir)[ONE]


def test_a_table_is_gathered_without_training(trained, config, root, tmp_path):
    workdir, _ = trained
    copy = tmp_path / "table"
    shutil.copytree(workdir, copy)
    shutil.rmtree(copy / TWO)
    (copy / ONE / "results.json").write_text("{")
    with pytest.raises(InputError, match=r"1 of 4 rows have damaged files; .*HuBERT-lar"):
        gathering.gather(config, copy)
    notes = {label: row["note"] for label, row in csv_of(copy).items()}
    assert notes[ONE].startswith(f"damaged: {copy / ONE / 'results.json'}: not a JSON")
    assert notes[TWO] == "not trained yet"
    assert notes[ABSENT] == "missing: chinese-macbert-large-4-UTT"


def test_any_workdirs_are_gathered(trained, tmp_path, command_line):
    workdir, _ = trained
    shutil.copytree(workdir, tmp_path / "runs" / "paper")
    shutil.copytree(workdir / ONE, tmp_path / "runs" / "mine")
    config = json.loads((workdir / ONE / "config.json").read_text())
    config["config"]["train"]["epochs"] = 7
    (tmp_path / "runs" / "mine" / "config.json").write_text(json.dumps(config))
    (tmp_path / "runs" / "begun").mkdir()
    shutil.copy(workdir / TWO / "config.json", tmp_path / "runs" / "begun")
    done = command_line("--mode=table", f"--workdir={tmp_path / 'runs'}")
    assert done.returncode == 0, done.stderr
    rows = csv_of(tmp_path / "runs")
    assert {label: (row["settings"], row["note"]) for label, row in rows.items()} == {
        "begun": ("features VGGish, train.epochs 1", "not trained yet"),
        "mine": ("features HuBERT-large, train.epochs 7", ""),
        f"paper/{ONE}": ("features HuBERT-large, train.epochs 1", ""),
        f"paper/{TWO}": ("features VGGish, train.epochs 1", ""),
    }
    assert float(rows["begun"]["mer_semi dis published"]) == 0.5481
    assert rows["mine"]["mer_semi dis"] == rows[f"paper/{ONE}"]["mer_semi dis"]
    assert str(tmp_path / "runs" / "table.md") in done.stdout


def test_nothing_to_gather(tmp_path):
    with pytest.raises(InputError, match="holds no workdir of a training"):
        gathering.gather(config_lib.check(changed()), tmp_path)


def test_the_datasets_of_the_rows_are_built(config, capsys):
    config = config.copy_and_resolve_references()
    config.table.rows = (ROWS[0], ROWS[1], ROWS[3])
    build.build(config)
    told = [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert told == ["chinese-hubert-large-UTT", "sounds"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"features__audio": "sounds"},
            "config.features.audio: the rows of config.table.rows name",
        ),
        (
            {"table__rows": ROWS[1:2]},
            "none of the 1 row can be trained: missing: chinese-macbert-large-4-UTT; present: "
            "chinese-hubert-base-UTT, chinese-hubert-large-UTT, sounds, synthetic-audio-UTT",
        ),
        ({"data__root": "/nowhere"}, "config.data.root: no folder /nowhere"),
    ],
)
def test_a_table_that_cannot_be_trained(root, tmp_path, changes, sentence):
    with pytest.raises(InputError) as told:
        train.train(config_of(root, tmp_path / "tfds", **changes), tmp_path / "table")
    assert sentence in str(told.value)
    assert not (tmp_path / "table").exists()


def test_a_workdir_that_is_in_use_or_holds_something_else(trained, config, tmp_path):
    workdir, _ = trained
    with pytest.raises(
        InputError, match="HuBERT-large holds a single training; use another --workdir"
    ):
        train.train(config, workdir / ONE)
    other = config.copy_and_resolve_references()
    other.train.epochs = 2
    with pytest.raises(InputError, match=r"holds a run with config\.train\.epochs=1, not 2"):
        train.train(other, workdir)
    with (
        lock.held(tmp_path / "table"),
        pytest.raises(InputError, match=r"process \d+ on .* is training in it"),
    ):
        train.train(config, tmp_path / "table")


def test_sigterm_ends_the_table_and_not_its_row_alone(config, tmp_path, monkeypatch):
    begun = []

    def ended(_, workdir, *__):
        begun.append(workdir.name)
        raise Terminated("saved")

    monkeypatch.setattr(experiment, "train", ended)
    with pytest.raises(Terminated):
        train.train(config, tmp_path / "table")
    assert begun == [ONE]
    with lock.held(tmp_path / "table"):
        pass  # nobody holds it any more


def test_a_table_is_repeated_row_by_row(config, tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr(
        experiment,
        "train",
        lambda _, workdir, repeated, *__: given.update({workdir.name: repeated}),
    )
    earlier = tmp_path / "earlier" / ONE / "config.json"
    earlier.parent.mkdir(parents=True)
    earlier.touch()
    train.train(config, tmp_path / "table", tmp_path / "earlier" / "config.json")
    assert given == {ONE: earlier, DAMAGED: None, TWO: None}


def test_the_papers_table_on_a_folder_without_its_features(command_line, root, tmp_path):
    arguments = [f"--config={config_lib.CONFIGS / 'table3.py'}", f"--workdir={tmp_path / 'table'}"]
    aliases = f"{','.join(f'{name}=nothing' for name in published.FEATURE_SETS)}"
    done = command_line(
        *arguments, f"--config.data.root={root}", f"--config.table.aliases={aliases}"
    )
    assert done.returncode == 2
    assert done.stderr.startswith("mer_jax: none of the 28 rows can be trained: missing: nothing, ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "table").exists()
