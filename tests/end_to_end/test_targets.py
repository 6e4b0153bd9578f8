"""Two targets of one's own: trained, scored, predicted, compared, put together and reported."""

import csv
import json
import re
import shutil

import numpy as np
import pytest
import sklearn.metrics as sk

from mer_jax import config as config_lib
from mer_jax.errors import InputError
from mer_jax.modes import compare, ensemble, evaluate, predict, train
from mer_jax.reporting import clip_page
from mer_jax.reporting.run import load_run
from mer_jax.tables import gathering
from tests.support import own_folder
from tests.support.configs import changed
from tests.support.trainings import results_of, rows_of

SMALL = {
    "model__hidden": 8, "train__learning_rate": 1e-2, "train__epochs": 12, "folds": 3,
    "repeats": 2, "evaluate__bootstrap": 20, "train__tensorboard": False, "report": False,
}  # fmt: skip
TARGETS = own_folder.TARGETS


def config_of(root, **changes):
    ours = {
        "data__corpus": "table", "data__root": str(root), "data__targets": TARGETS,
        "data__tfds_dir": str(root.parent / "built"), "features__audio": own_folder.AUDIO,
        "features__text": own_folder.TEXT,
    }  # fmt: skip
    return config_lib.check(changed(**{**ours, **SMALL, **changes}))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("own") / "clips"
    own_folder.write(root)
    return root


@pytest.fixture(scope="module")
def trained(root, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("targets") / "run"
    train.train(config_of(root, report=True), workdir)
    return workdir


def true_of(root):
    with (root / "clips.csv").open(encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_predictions_have_a_column_a_target_and_scores_are_theirs(root, trained):
    rows, true = rows_of(trained / "predictions" / "test.csv"), true_of(root)
    assert list(next(iter(rows.values()))) == ["name", "discrete", *TARGETS]
    assert len(rows) == 12
    results = results_of(trained)
    for target in TARGETS:
        known = [name for name in rows if true[name][target]]
        pair = [[float(of[name][target]) for name in known] for of in (true, rows)]
        found = results["ensemble"]["test"]
        expected = sk.mean_squared_error(*pair)
        np.testing.assert_allclose(found[f"dim_{target}"], expected, rtol=1e-4)
        np.testing.assert_allclose(found[f"corr_{target}"], np.corrcoef(pair)[0, 1], rtol=1e-4)
        assert results["clips"]["test"]["targets"][target] == len(known)
        assert found[f"corr_{target}"] > 0.8, "the features tell the target"
        for block in ("cross_validation", "out_of_fold"):
            assert results[block][f"ccc_{target}"]["mean"] is not None
    both = [found[f"dim_{target}"] for target in TARGETS]
    np.testing.assert_allclose(found["dim"], np.mean(both), rtol=1e-5)
    data = json.loads((trained / "config.json").read_text())["config"]["data"]
    assert data["targets"] == list(TARGETS)
    assert len(data["valence_range"]) == 4
    header = (trained / "history.csv").read_text().partition("\n")[0].split(",")
    assert {"f1_ccc", "dim", "loss"} < set(header)


def test_the_report_has_each_target(trained):
    page = (trained / "report.md").read_text(encoding="utf-8")
    assert "## Targets" in page
    for target in TARGETS:
        for kind in ("valence", "distribution"):
            assert (trained / "figures" / f"{kind}_{target}_test.png").is_file()
        assert re.search(rf"\d, train's mean {target}", page)
        assert f"CCC {target} (↑)" in page
    run = load_run(trained)
    columns = run.predictions["test"]
    assert {*TARGETS, *(f"true_{target}" for target in TARGETS)} < set(columns)
    written = rows_of(trained / "predictions" / "test.csv")
    assert [np.float32(written[n]["warmth"]) for n in columns["name"]] == list(columns["warmth"])
    one = clip_page.write(run, str(columns["name"][0]), clip_page.Given())
    assert all(target in one.read_text(encoding="utf-8") for target in TARGETS)
    floor = re.search(r"constant prediction \|.*", page).group()
    assert floor.count("0.00") >= 2  # concordance of a constant; its correlation is undefined


def test_evaluate_predict_compare_and_tables(root, trained, tmp_path, capsys):
    config = config_lib.check(config_lib.read_saved(trained / "config.json"))
    workdir = tmp_path / "run"
    shutil.copytree(trained, workdir)
    before = results_of(workdir)
    evaluate.evaluate(config, workdir, None)
    assert results_of(workdir) == before
    name = next(n for n, row in true_of(root).items() if row["split"] == "test")
    later = tmp_path / "later.csv"
    later.write_text(f"name,openness\n{name},1.0\n", encoding="utf-8")
    evaluate.evaluate(config, workdir, later)
    after = results_of(workdir)["ensemble"]["test"]
    assert after["dim_openness"] != before["ensemble"]["test"]["dim_openness"]
    assert after["dim_warmth"] == before["ensemble"]["test"]["dim_warmth"]

    new = tmp_path / "new"
    shutil.copytree(root / "features", new / "features")
    other = config.copy_and_resolve_references()
    other.data.root = str(new)
    predict.predict(other, workdir, tmp_path / "new.csv")
    found, known = rows_of(tmp_path / "new.csv"), rows_of(trained / "predictions" / "test.csv")
    assert len(found) == 48
    for clip, row in known.items():
        for target in TARGETS:
            assert float(found[clip][target]) == pytest.approx(float(row[target]), rel=1e-4)

    compare.compare(config, workdir, trained, None)
    compared = json.loads((workdir / "compare.json").read_text())["splits"]
    assert compared["test"]["ccc_warmth"]["difference"] == 0
    gathering.gather(config, tmp_path)
    with (tmp_path / "table.csv").open() as file:
        (row,) = csv.DictReader(file)
    scores = results_of(workdir)["test"]["test"]
    assert float(row["test ccc_openness"]) == scores["ccc_openness"]["mean"]
    capsys.readouterr()


@pytest.mark.parametrize("combine", ["mean", "greedy", "stacking"])
def test_an_ensemble_has_each_target(trained, tmp_path, capsys, combine):
    config = config_lib.check(config_lib.read_saved(trained / "config.json"))
    ensemble.ensemble(config, tmp_path / "both", [trained, trained], None, combine=combine)
    together = rows_of(tmp_path / "both" / "predictions" / "test.csv")
    alone = rows_of(trained / "predictions" / "test.csv")
    for target in TARGETS:
        ours, own = ([float(of[n][target]) for n in alone] for of in (together, alone))
        if combine == "stacking":  # a linear model of the member
            assert abs(np.corrcoef(ours, own)[0, 1]) == pytest.approx(1, abs=1e-3)
        else:  # a mean of one member twice is that member
            np.testing.assert_allclose(ours, own, rtol=1e-4)
    found = json.loads((tmp_path / "both" / "ensemble.json").read_text())
    assert f"ccc_{TARGETS[0]}" in found["splits"]["test"]["ensemble"]
    assert "CCC openness" in capsys.readouterr().out


def test_what_takes_one_number_alone_is_refused_before_training(root, tmp_path):
    with pytest.raises(InputError, match=r"not with targets of one's own \(openness, warmth\)"):
        train.train(config_of(root, evaluate__joint_decoding=True), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_one_target_from_minus_one_to_one_is_a_valence(root, tmp_path):
    """Whose middle is 0 and half of whose width is 1: head and loss are the valence's."""
    folder = tmp_path / "clips"
    shutil.copytree(root, folder)
    for name in ("valence", "mood"):
        rows = own_folder.rows()[0]
        rows[0][2], rows[1][2] = "-1", "1"
        for row in rows[2:]:
            row[2] = row[2] and f"{(float(row[2]) - 4) / 4:.3f}"
        header = ("name", "emotion", name, "unread", *own_folder.HEADER[4:])
        own_folder.write_table(folder, rows, header)
        targets = () if name == "valence" else (name,)
        config = config_of(
            folder, data__targets=targets, train__selection="dis", train__epochs=3, repeats=1
        )
        train.train(config, tmp_path / name)
    ours, theirs = (
        rows_of(tmp_path / name / "predictions" / "test.csv") for name in ("mood", "valence")
    )
    for clip, row in ours.items():
        assert row["discrete"] == theirs[clip]["discrete"]
        assert float(row["mood"]) == pytest.approx(float(theirs[clip]["valence"]), rel=1e-5)


def test_a_unit_changes_nothing_but_the_unit(root, tmp_path):
    """A target a hundred times as large is predicted so, whatever the pool adds to the loss."""
    semi = {
        "semi__method": "fixmatch", "semi__threshold": 0.0, "semi__warmup": 0,
        "data__labelled_fraction": 0.5, "train__epochs": 3, "train__steps": 0, "repeats": 1,
    }  # fmt: skip
    for factor in (1, 100):
        folder = tmp_path / f"times_{factor}"
        shutil.copytree(root, folder)
        rows = own_folder.rows()[0]
        for row in rows:
            row[2] = row[2] and f"{float(row[2]) * factor:.6f}"
        own_folder.write_table(folder, rows)
        train.train(config_of(folder, **semi), tmp_path / str(factor))
    ones, hundreds = (
        rows_of(tmp_path / factor / "predictions" / "test.csv") for factor in ("1", "100")
    )
    for clip, row in hundreds.items():
        expected = 100 * float(ones[clip]["openness"]), float(ones[clip]["warmth"])
        assert (float(row["openness"]), float(row["warmth"])) == pytest.approx(expected, rel=1e-3)
