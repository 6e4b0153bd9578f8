"""Tables over corpora end to end: algorithms by corpora, and each corpus tested on the others."""

import csv
import json
import shutil

import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax import experiment, search
from mer_jax.errors import InputError
from mer_jax.modes import evaluate, train
from mer_jax.tables import gathering, kinds, over_corpora
from mer_jax.tables.over_corpora import Cell
from tests.support import merbench_labels, user_folder
from tests.support.trainings import rows_of

ALGORITHMS = ("lf_dnn", "tfn")
SMALL = {
    "features.audio": user_folder.AUDIO,
    "table.algorithms": ALGORITHMS,
    "model.hidden": 4,
    "train.learning_rate": 1e-2,
    "train.dropout": 0.1,
    "train.epochs": 1,
    "train.tensorboard": False,
    "evaluate.bootstrap": 0,
    "folds": 2,
    "search.trials": 0,
    "report": False,
}


def write(root, seed, **counts):
    """A sentiment corpus's folder."""
    rng = np.random.default_rng(seed)
    content = {
        f"{split}_corpus": {
            f"{root.name}-{split}_{i}": {"emo": 0, "val": np.float64(rng.integers(-10, 11) / 10)}
            for i in range(count)
        }
        for split, count in counts.items()
    }
    merbench_labels.write(root / "label.npz", content)
    names = [name for clips in content.values() for name in clips]
    user_folder.write_vectors(root, user_folder.AUDIO, names, seed=seed)
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two corpora of one size, which share programs, a third without val, and room for datasets."""
    folder = tmp_path_factory.mktemp("corpora")
    write(folder / "mosi", 0, train=20, val=8, test=8)
    write(folder / "sims", 1, train=20, val=8, test=8)
    write(folder / "poria", 2, train=20, test=8)
    return folder


def config_of(folder, corpora, file="merbench", **changes):
    config = config_lib.load_file(file)
    with config.ignore_type():
        config.update_from_flattened_dict(
            {
                **SMALL,
                "data.tfds_dir": str(folder / "tfds"),
                "table.corpora": ", ".join(f"{name}={folder / at}" for name, at in corpora.items()),
                **{key.replace("__", "."): value for key, value in changes.items()},
            }
        )
    return config_lib.check(config)


def csv_of(workdir):
    with (workdir / "table.csv").open() as file:
        return {row["row"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """The table of two algorithms on two corpora and on one whose folder is not there."""
    workdir = tmp_path_factory.mktemp("tables") / "table"
    config = config_of(folder, {"cmumosi": "mosi", "sims": "sims", "meld": "nowhere"})
    with pytest.raises(InputError) as told:
        train.train(config, workdir)
    return workdir, config, str(told.value)


def test_each_cell_is_trained_as_the_protocol_has_its_corpus(trained):
    workdir, _, told = trained
    assert told.startswith("2 of 6 rows failed; ")
    for corpus, task in (("cmumosi", "valence"), ("sims", "auto")):
        for algorithm in ALGORITHMS:
            saved = json.loads((workdir / corpus / algorithm / "config.json").read_text())
            found = saved["config"]
            assert found["data"]["corpus"] == corpus
            assert found["data"]["task"] == task
            assert found["folds"] == 0, "val validates"
            assert found["model"]["fusion"] == algorithm
            assert found["table"]["algorithms"] == []
            assert saved["task"] == "valence"


def test_the_table_has_a_row_an_algorithm_and_a_group_of_columns_a_corpus(trained):
    workdir, _, _ = trained
    rows = csv_of(workdir)
    assert list(rows) == list(ALGORITHMS)
    for algorithm, row in rows.items():
        for corpus in ("cmumosi", "sims"):
            path = workdir / corpus / algorithm / "results.json"
            results = json.loads(path.read_text())
            own, test = results["cross_validation"], results["test"]["test"]
            assert float(row[f"{corpus} validation sign_f1"]) == own["sign_f1"]["mean"]
            assert float(row[f"{corpus} test sign_f1"]) == test["sign_f1"]["mean"]
        assert row["note"].startswith("meld: failed: config.table.corpora: no folder ")
    assert float(rows["tfn"]["cmumosi test sign_f1 published"]) == 0.7963
    assert float(rows["tfn"]["sims test sign_f1 published"]) == 0.9056
    assert rows["lf_dnn"]["sims test sign_f1 published"] == ""
    page = (workdir / "table.md").read_text()
    assert "(79.63)" in page
    assert "In brackets: MERBench (Lian et al. 2024), F1 with HuBERT-large" in page
    assert "Not given a folder: mer2023, iemocap4, iemocap6, cmumosei, simsv2." in page


def test_it_is_gathered_as_one_table_or_as_any_workdirs(trained, tmp_path):
    workdir, config, _ = trained
    copy = tmp_path / "runs" / "table"
    shutil.copytree(workdir, copy)
    before = (copy / "table.csv").read_bytes()
    shutil.rmtree(copy / "sims" / "tfn")
    gathering.gather(config, copy)
    rows = csv_of(copy)
    assert "sims: not trained yet" in rows["tfn"]["note"]
    assert rows["tfn"]["sims test sign_f1"] == ""
    train.train(config_of_two(config), copy)
    shutil.rmtree(copy / "sims")
    shutil.copytree(workdir / "sims", copy / "sims")
    gathering.gather(config, copy)
    assert (copy / "table.csv").read_bytes() == before
    gathering.gather(config_lib.check(config_lib.load_base()), tmp_path / "runs")
    assert list(csv_of(tmp_path / "runs")) == [
        f"table/{corpus}/{algorithm}" for corpus in ("cmumosi", "sims") for algorithm in ALGORITHMS
    ]


def config_of_two(config):
    """The config without the corpus whose folder is not there."""
    config = config.copy_and_resolve_references()
    config.table.corpora = config.table.corpora.rpartition(", meld=")[0]
    return config


def test_a_cell_draws_from_its_algorithms_lists_what_nobody_set(folder, monkeypatch, tmp_path):
    config = config_lib.load_file("merbench")
    config.update_from_flattened_dict(
        {
            "features.audio": user_folder.AUDIO,
            "table.corpora": f"cmumosi={folder / 'poria'}, sims={folder / 'sims'}",
            "table.algorithms": ("lmf", "mfn"),
            "train.epochs": 7,
        }
    )
    of_cells, notes = kinds.resolve(config_lib.check(config))
    assert notes == {}
    lmf, mfn = of_cells[Cell("sims", "lmf")], of_cells[Cell("cmumosi", "mfn")]
    assert (lmf.folds, mfn.folds) == (0, 5), "where there is no val, folds"
    assert lmf.model.rank == (3, 4, 5, 6)
    assert mfn.frames.scale == 6
    assert [each.train.epochs for each in (lmf, mfn)] == [7, 7]
    assert [each.search.trials for each in (lmf, mfn)] == [50, 50]
    begun = []
    monkeypatch.setattr(search, "train", lambda _, where, *__: begun.append(where.parts[-2:]))
    monkeypatch.setattr(experiment, "train", None)
    train.train(config_lib.check(config), tmp_path / "table")
    assert begun == [(name, fusion) for fusion in ("lmf", "mfn") for name in ("cmumosi", "sims")]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"table__corpora": ""}, "config.table.corpora names 0 of the 1 corpora or more"),
        ({"table__corpora": "sims=/x, sims=/y"}, "config.table.corpora: lists sims twice"),
        ({"table__corpora": "sism=/x"}, "config.table.corpora: unknown corpus 'sism'"),
        ({"table__algorithms": ("tnf",)}, "config.table.algorithms: unknown fusion 'tnf'"),
        ({"table__algorithms": ("concat",)}, "no search space of 'concat'; one of: attention_mer"),
        ({"table__algorithms": ()}, "config.table.corpora names 1 of the 2 corpora or more"),
        ({"table__rows": ("audio a",)}, "config.table.rows and config.table.corpora: a table has"),
        ({"features__audio": ""}, "no feature set; name one or more of config.features.audio"),
        ({"features__audio": "b"}, "none of the 2 trainings of the table can begin: missing: b"),
    ],
)
def test_a_table_that_cannot_be_trained(folder, tmp_path, changes, sentence):
    with pytest.raises(InputError) as told:
        train.train(config_of(folder, {"sims": "sims"}, **changes), tmp_path / "table")
    assert sentence in str(told.value)
    assert not (tmp_path / "table").exists()


def test_a_whole_table_is_evaluated_and_one_corpus_by_later_labels(trained, tmp_path):
    workdir, config, _ = trained
    copy = tmp_path / "table"
    shutil.copytree(workdir, copy)
    before = {path: path.read_bytes() for path in copy.rglob("results.json")}
    (copy / "cmumosi" / "tfn" / "predictions" / "test.csv").unlink()
    evaluate.evaluate_table(config_of_two(config), copy, None)
    assert {path: path.read_bytes() for path in copy.rglob("results.json")} == before
    assert (copy / "cmumosi" / "tfn" / "predictions" / "test.csv").is_file()
    labels = tmp_path / "labels.csv"
    names = list(rows_of(workdir / "sims" / "tfn" / "predictions" / "test.csv"))
    labels.write_text(
        "\n".join(
            ["name,valence", *(f"{name},{-0.5 - i % 2 / 10}" for i, name in enumerate(names))]
        )
    )
    with pytest.raises(InputError, match="has trainings on cmumosi, sims; evaluate those of one"):
        evaluate.evaluate_table(config_of_two(config), copy, labels)
    evaluate.evaluate_table(config_lib.check(config_lib.load_base()), copy / "sims", labels)
    rows = csv_of(copy / "sims")
    assert list(rows) == list(ALGORITHMS)
    for algorithm, row in rows.items():
        path = copy / "sims" / algorithm / "predictions" / "test.csv"
        negative = np.mean([float(each["valence"]) <= 0 for each in rows_of(path).values()])
        assert float(row["test sign_acc"]) == pytest.approx(negative)
    (copy / "sims" / "tfn" / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json: not a JSON"):
        evaluate.evaluate_table(config_lib.check(config_lib.load_base()), copy / "sims", labels)


def test_a_training_that_cannot_be_evaluated_stops_no_other(trained, tmp_path):
    copy = tmp_path / "sims"
    shutil.copytree(trained[0] / "sims", copy)
    shutil.rmtree(copy / "lf_dnn" / "checkpoints")
    (copy / "tfn" / "predictions" / "test.csv").unlink()
    with pytest.raises(InputError, match=r"1 of 2 trainings failed, as the log says: lf_dnn"):
        evaluate.evaluate_table(config_lib.check(config_lib.load_base()), copy, None)
    assert (copy / "tfn" / "predictions" / "test.csv").is_file()
    with pytest.raises(InputError, match="nothing is trained below it yet"):
        evaluate.evaluate_table(config_lib.check(config_lib.load_base()), tmp_path / "none", None)


def test_each_corpus_is_tested_on_the_others(folder, tmp_path):
    small = {key: value for key, value in SMALL.items() if not key.startswith("table.")}
    config = config_of(
        folder,
        {"cmumosi": "mosi", "sims": "sims"},
        file="cross_corpus:lf_dnn",
        **{**small, "table.algorithms": (), "report": True},
    )
    train.train(config, tmp_path / "table")
    rows = csv_of(tmp_path / "table")
    results = {
        name: json.loads((tmp_path / "table" / name / "results.json").read_text())
        for name in ("cmumosi", "sims")
    }
    expected = {
        ("cmumosi", "cmumosi"): results["cmumosi"]["test"]["test"],
        ("cmumosi", "sims"): results["cmumosi"]["test"]["sims_test"],
        ("sims", "cmumosi"): results["sims"]["test"]["cmumosi_test"],
        ("sims", "sims"): results["sims"]["test"]["test"],
    }
    for (of, on), scores in expected.items():
        assert float(rows[of][f"on {on} sign_f1"]) == scores["sign_f1"]["mean"]
        assert results[of]["runs"][0]["validation"]["sign_f1"] is not None
    page = (tmp_path / "table" / "report.md").read_text()
    assert "# Cross-corpus: lf_dnn of tones_UTT" in page
    cells = [f"{100 * scores['sign_f1']['mean']:.2f}" for scores in expected.values()]
    assert f"| cmumosi | {cells[0]} | {cells[1]} |" in page
    assert f"| sims | {cells[2]} | {cells[3]} |" in page
    best = max(map(float, cells))
    assert f"to {best:.2f}, the best of " in page
    assert (tmp_path / "table" / "figures" / "cross_corpus_sign_f1.png").is_file()


def test_emotions_are_tested_on_emotions_and_on_unknown_clips():
    folders = dict.fromkeys(("mer2023", "iemocap4", "iemocap6", "meld", "sims", "cmumosi"), "/x")
    assert set(over_corpora.tested_on("iemocap4", folders)) == {"mer2023", "meld"}
    assert set(over_corpora.tested_on("meld", folders)) == {"mer2023", "iemocap4", "iemocap6"}
    assert set(over_corpora.tested_on("sims", folders)) == {"cmumosi"}


def test_the_papers_tables_of_feature_sets_on_another_corpus(folder, tmp_path):
    small = {key: value for key, value in SMALL.items() if key.startswith(("train", "evaluate"))}
    config = config_of(
        folder,
        {},
        file="table2",
        **{
            "features.audio": "",
            "table.algorithms": (),
            **small,
            "repeats": 1,
            "data.corpus": "sims",
            "data.root": str(folder / "sims"),
            "folds": 0,
            "table.rows": (f"audio {user_folder.AUDIO}", "text absent"),
        },
    )
    train.train(config, tmp_path / "table")
    path = tmp_path / "table" / user_folder.AUDIO / "results.json"
    score = json.loads(path.read_text())["test"]["test"]["sign_f1"]["mean"]
    page = (tmp_path / "table" / "table.md").read_text()
    assert "test Sign F1 (↑)" in page.splitlines()[0]
    assert f"**{100 * score:.2f}**" in page
    assert "absent (missing: absent)" in page
    assert "In brackets" not in page
