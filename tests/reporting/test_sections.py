"""The report of a workdir: its sections, its files, and when it is written."""

import base64
import re
import shutil

import numpy as np
import pytest

import mer_jax
from mer_jax import files
from mer_jax.evaluation import calibration
from mer_jax.evaluation import model as model_lib
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.modes import evaluate, report, train
from mer_jax.reporting import document, drawing, figures, sections
from mer_jax.reporting import written as written_lib
from mer_jax.task import Task
from tests.support import browser
from tests.support.event_files import values_of
from tests.support.pages import Parsed

SECTIONS = [
    "Result", "Configuration", "Scores by emotion", "Confusion matrices", "Learning curves",
    "Calibration", "Valence", "Attention", "Most confident mistakes",
]  # fmt: skip
OF_SPLIT = ("confusion", "reliability", "valence", "distribution", "attention")


class Killed(BaseException):
    """Stands for a kill: nothing handles it."""


def files_of(workdir):
    """The bytes of a report's files."""
    paths = [workdir / "report.md", workdir / "report.html", *(workdir / "figures").iterdir()]
    return {path.name: path.read_bytes() for path in paths}


def copy_of(reported, tmp_path, without=()):
    """A copy of the workdir, some of its report's files gone."""
    workdir = tmp_path / "copy"
    shutil.copytree(reported, workdir)
    for name in without:
        (workdir / name).unlink()
    return workdir


def page_of(workdir):
    return Parsed((workdir / "report.html").read_text())


def rows_of(markdown, section):
    """The rows of a section's first table, by their first cell; later ones of a name get a 2."""
    text = markdown.partition(f"## {section}\n")[2].partition("\n## ")[0]
    rows = {}
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            rows.setdefault(name, cells)
    return rows


def test_the_report_says_what_each_method_gave(reported, tmp_path):
    assert "methods" not in files.read_json(reported / "results.json", {})  # it tried none
    workdir = copy_of(reported, tmp_path)
    results = files.read_json(workdir / "results.json", {})
    results["methods"] = [
        {"method": "supervised", "metric": "com", "score": 0.5, "difference": None,
         "interval": None, "not_better": None, "used": False},
        {"method": "graph", "metric": "com", "score": 0.75, "difference": 0.25,
         "interval": [0.125, 0.375], "not_better": 0.0, "brier": 0.75, "used": True},
    ]  # fmt: skip
    files.write_json(workdir / "results.json", results)
    report.report(None, workdir)
    rows = rows_of((workdir / "report.md").read_text(), "What unlabelled clips gave")
    assert rows["supervised"] == ["0.50", "", "", "", ""]
    assert rows["graph"] == ["0.75", "+0.25", "[0.12, 0.38]", "0.750", "yes"]


def test_training_ends_in_a_report_with_every_section(reported):
    page = page_of(reported)
    assert page.text["h2"] == SECTIONS
    markdown = (reported / "report.md").read_text()
    assert re.findall("^## (.*)$", markdown, re.MULTILINE) == SECTIONS
    names = {
        f"{kind}_{split}" for kind in OF_SPLIT for split in ("train", "mer_multi", "mer_noise")
    }
    names |= {f"{kind}_mer_semi" for kind in ("confusion", "reliability", "attention")}
    names |= {f"curve_{name}" for name in ("loss", "com", "dis", "dim")}
    drawn = {path.stem: path.read_bytes() for path in (reported / "figures").iterdir()}
    assert drawn.keys() == names
    in_text = re.findall(r"^!\[(.+)\]\(figures/(\w+)\.png\)$", markdown, re.MULTILINE)
    assert {name for _, name in in_text} == names
    images = page.named("img")
    assert [image["alt"] for image in images] == [alt for alt, _ in in_text]
    embedded = [image["src"].partition("base64,")[2] for image in images]
    assert embedded == [base64.b64encode(drawn[name]).decode() for _, name in in_text]


def test_the_result_table_has_the_scores_and_the_floor(reported):
    run = mer_jax.load_run(reported)
    rows = rows_of((reported / "report.md").read_text(), "Result")
    assert rows[""] == ["Dis (↑)", "Dim (↓)", "Com (↑)", "Acc (↑)", "MAE (↓)", "Corr (↑)"]
    of = run.results["cross_validation"]["dis"]
    assert rows["cross-validation"][0] == f"{100 * of['mean']:.2f}±{100 * of['std']:.2f}"
    com = run.results["test"]["mer_multi"]["com"]["mean"]
    assert rows["mer_multi"][2].startswith(f"{com:.2f}±")
    assert rows["mer_semi"][1] == "-"
    low, high = run.results["interval"]["mer_multi"]["dim"]
    assert rows["95 %"][1] == f"[{low:.2f}, {high:.2f}]"
    train = run.predictions["train"]
    _, counts = np.unique(train["true_discrete"], return_counts=True)
    assert rows["constant prediction"][3] == f"{100 * counts.max() / counts.sum():.2f}"
    assert rows["constant prediction"][1] == f"{train['true_valence'].var():.2f}"
    assert "published" not in rows


def test_errors_of_calibration_stand_without_and_with_the_temperature(reported):
    run = mer_jax.load_run(reported)
    of = run.results["calibration"]
    rows = rows_of((reported / "report.md").read_text(), "Calibration")
    cells = [f"{of[part]['ece']:.3f}" for part in ("before", "after")]
    assert rows[drawing.title_of(run, "train")] == cells
    split = run.predicted("mer_multi")
    known = split.labels.emotion_mask
    cooled = split.probability[known].astype(np.float64) ** (1 / of["temperature"])
    cooled /= cooled.sum(1, keepdims=True)
    found = calibration.reliability(cooled, split.labels.emotion[known])
    assert rows[drawing.title_of(run, "mer_multi")][1] == f"{found.error:.3f}"


def test_published_figures_stand_beside_ours(reported, monkeypatch):
    scores = {"cross-validation": {"dis": (0.7264, 0.0102)}, "mer_semi": {"dis": (0.864, 0.01)}}
    monkeypatch.setattr(sections.published, "find", lambda *of_run: scores)
    run = mer_jax.load_run(reported)
    text = document.markdown(sections.describe(run, {}))
    at = text.index("| cross-validation |")
    assert text[at:].splitlines()[1] == "|  published | 72.64±1.02 | - | - | - | - | - |"
    assert text.count("published |") == 2
    assert "Lian et al. 2023" in text


def test_mistakes_are_named_with_what_they_are(reported):
    columns = mer_jax.load_run(reported).predictions["train"]
    wrong = np.flatnonzero(columns["discrete"] != columns["true_discrete"])
    surest = wrong[columns["probabilities"].max(1)[wrong].argmax()]
    rows = rows_of((reported / "report.md").read_text(), "Most confident mistakes")
    name, *cells = next(row for row in rows.items() if row[0] != "clip")
    assert name == columns["name"][surest]
    assert cells[0][:2] == [columns["true_discrete"][surest], columns["discrete"][surest]]


def test_killed_while_writing_and_started_again_the_report_appears(
    reported, config, tmp_path, monkeypatch
):
    workdir = copy_of(reported, tmp_path, without=["report.md", "report.html"])
    shutil.rmtree(workdir / "figures")
    write = files.write_text

    def kill(path, text):
        if path.name == "report.html":
            raise Killed
        write(path, text)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(figures, "draw", lambda run: {})  # it is drawn again, which takes long enough
        patch.setattr(files, "write_text", kill)
        train.train(config, workdir)
    assert (workdir / "report.md").exists()
    assert not (workdir / "report.html").exists()
    train.train(config, workdir)
    assert files_of(workdir) == files_of(reported)


def test_a_training_predicts_for_its_report_no_second_time(reported, config, tmp_path, monkeypatch):
    def restore(*_):
        raise AssertionError("weights were read back")

    monkeypatch.setattr(model_lib, "restore", restore)
    train.train(config, tmp_path / "run")
    assert files_of(tmp_path / "run") == files_of(reported)


def test_a_failure_to_draw_ends_nothing_and_is_told(
    reported, config, tmp_path, monkeypatch, caplog, capsys
):
    workdir = copy_of(reported, tmp_path, without=["report.html", "report.md"])
    monkeypatch.setattr(figures, "draw", lambda run: 1 / 0)
    train.train(config, workdir)
    assert "the report could not be drawn: ZeroDivisionError" in caplog.text
    assert "cross-validation" in capsys.readouterr().out
    assert (workdir / "results.json").read_bytes() == (reported / "results.json").read_bytes()
    with pytest.raises(ZeroDivisionError):
        report.report(config, workdir)


def test_evaluating_writes_it_anew_where_it_is_wanted(reported, config, tmp_path, monkeypatch):
    workdir = copy_of(reported, tmp_path)
    labels = workdir / "labels.npz"
    shutil.copy(f"{config.data.root}/label-6way.npz", labels)
    written = []
    true = mer_jax.load_run(reported).labels("mer_multi").emotion.tolist()

    def write(run):
        assert not written_lib.is_written(workdir), "one of older results is gone before"
        written.append(run)
        assert run.corpus.splits["mer_multi"].labels.known.all()
        assert run.predicted("mer_multi").labels.emotion.tolist() == true
        for name in ("report.md", "report.html"):
            (workdir / name).write_text("new")

    monkeypatch.setattr(sections, "write", write)
    evaluate.evaluate(config, workdir, labels)
    assert [run.workdir for run in written] == [workdir]
    without = config.copy_and_resolve_references()
    without.report = False
    evaluate.evaluate(without, workdir, None)
    assert len(written) == 2, "where there was one it is kept up to date"
    written_lib.discard(workdir)
    evaluate.evaluate(without, workdir, None)
    assert len(written) == 2
    assert not written_lib.is_written(workdir)


# Other tasks, and what is not known


def changed_run(reported, task=None, known=(), **attributes):
    """The run, as if its corpus had another task, or labels of the splits in `known` alone."""
    run = mer_jax.load_run(reported)
    of_train = run.predicted("train")
    if task is not None:
        emotion, valence, attention, _ = of_train.predictions
        run.task = task
        of_train = of_train._replace(
            predictions=Predictions(
                emotion if task.classes else None,
                valence if task.valence_range else None,
                attention,
            )
        )
    run._predicted["train"] = of_train
    run.labelled_splits = list(known)
    for name, value in attributes.items():
        setattr(run, name, value)
    return run


def titles(run):
    return [section.title for section in sections.describe(run, figures.draw(run)).sections]


def test_without_test_labels_sections_are_of_train_alone(reported):
    run = changed_run(reported, known=["train"])
    content = sections.describe(run, figures.draw(run))
    assert [section.title for section in content.sections] == SECTIONS
    text = document.markdown(content)
    assert "### train, out of fold" in text
    assert "### mer_multi" not in text
    assert set(re.findall(r"figures/[a-z]+_(\w+)\.png", text)) == {
        "train", "loss", "com", "dis", "dim",
    }  # fmt: skip


def test_a_corpus_without_valence_has_no_section_of_it(reported):
    emotions = Task(mer_jax.load_run(reported).task.classes)
    run = changed_run(reported, emotions, ["train"])
    for scores in (run.results["cross_validation"], *run.results["test"].values()):
        for name in ("dim", "mae", "corr", "com"):
            del scores[name]
    assert titles(run) == [title for title in SECTIONS if title != "Valence"]


def test_a_corpus_without_emotions_has_curves_and_valence(reported):
    run = changed_run(reported, Task((), (-5.0, 5.0)), ["train"])
    for scores in (run.results["cross_validation"], *run.results["test"].values()):
        for name in ("dis", "acc", "com"):
            del scores[name]
    assert titles(run) == ["Result", "Configuration", "Learning curves", "Valence"]


def test_a_few_labels_are_enough_and_one_class_alone(reported):
    """An emotion of one clip and a valence of another; then one class, one clip of both."""
    run = changed_run(reported, known=["train"])
    of_train = run.predicted("train")
    labels, first = of_train.labels, np.arange(60) == 0
    apart = labels._replace(emotion_mask=first, valence_mask=np.arange(60) == 1)
    run._predicted["train"] = of_train._replace(labels=apart)
    assert {"confusion_train", "valence_train", "reliability_train"} <= set(figures.draw(run))
    assert "distribution_train" not in figures.draw(run)
    assert "Scores by emotion" in titles(run)
    one = labels._replace(emotion_mask=first, valence_mask=first)
    run._predicted["train"] = of_train._replace(labels=one)
    assert "distribution_train" in figures.draw(run)
    assert "Scores by emotion" in titles(run)


def test_the_pool_is_drawn_where_there_is_one(reported):
    run = changed_run(reported)
    assert figures.pool(run) == {}
    epochs = len(run.history["epoch"])
    rng = np.random.default_rng(0)
    names = ["pool_share", "pool_accuracy"]
    names += [f"{name}_{c}" for name in ("pool_balance", "threshold") for c in run.task.classes]
    run.history = {**run.history, **{name: rng.random(epochs) for name in names}}
    (picture,) = figures.pool(run).values()
    lines = [axes.lines for axes in picture.figure.axes]
    assert [len(of) for of in lines] == [1, 1, 6, 6]
    share = run.history["pool_share"].reshape(6, -1).mean(0)
    np.testing.assert_allclose(lines[0][0].get_ydata(), share)
    assert f"ends at {share[-1]:.2f}" in picture.alt


def test_curves_mark_the_chosen_epochs(reported):
    run = mer_jax.load_run(reported)
    figure = figures.curves(run)["curve_com"].figure
    marked = figure.axes[0].lines[-1].get_xydata()
    best = run.results["best"]["train.learning_rate"]
    runs = [r for r in run.results["runs"] if r["hparams"]["train.learning_rate"] == best]
    expected = [(r["best_epoch"], r["validation"]["com"]) for r in runs]
    np.testing.assert_allclose(marked, expected, rtol=1e-5)


@pytest.mark.skipif(browser.find() is None, reason=f"none of {', '.join(browser.NAMES)} is here")
@pytest.mark.parametrize("width", [1280, 400])
def test_a_browser_shows_every_section_without_overflow(reported, tmp_path, width):
    with browser.page(tmp_path) as page:
        page.open(reported / "report.html", width)
        shown = "[...document.querySelectorAll('h2')].filter(h => h.checkVisibility())"
        assert page.evaluate(f"{shown}.map(h => h.innerText)") == SECTIONS
        assert page.evaluate("innerWidth") == width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        widths = page.evaluate("[...document.images].map(i => [i.naturalWidth, i.width])")
        assert len(widths) == len(list((reported / "figures").iterdir()))
        assert all(natural > 0 and 0 < drawn <= width for natural, drawn in widths)
        assert page.complaints == []


def test_tensorboard_has_the_figures(reported):
    shown = values_of(reported / "tensorboard" / "figures")
    drawn = {path.stem: path.read_bytes() for path in (reported / "figures").glob("*.png")}
    assert {tag: values[0][1].image.encoded_image_string for tag, values in shown.items()} == drawn
