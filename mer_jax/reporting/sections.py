"""The sections of a report, and its files: report.md, report.html and figures/."""

from collections.abc import Callable, Mapping

import numpy as np

from mer_jax import files, published
from mer_jax.config import rows as rows_lib
from mer_jax.corpora import SYNTHETIC
from mer_jax.data import corpus as corpus_lib
from mer_jax.evaluation import events, terminal
from mer_jax.evaluation.calibration import BINS
from mer_jax.evaluation.decoding import CALIBRATION, Decoding
from mer_jax.evaluation.methods import METHODS
from mer_jax.metrics import METRICS
from mer_jax.reporting import analysis, configuration, document, drawing, figures, frame_figures
from mer_jax.reporting.document import Beside, Document, Image, Section, Table, Text
from mer_jax.reporting.drawing import Picture
from mer_jax.reporting.run import Run
from mer_jax.task import TRAIN
from mer_jax.workdir import Workdir

MISTAKES = 20  # of a split, by name
_PAPER = "Lian et al. 2023"


def write(run: Run) -> None:
    """Writes figures/, TensorBoard's, report.md and report.html into the workdir, in this order."""
    workdir = Workdir(run.workdir)
    drawn = figures.draw(run)
    pictures = {}
    for name, picture in drawn.items():
        pictures[name] = drawing.png(picture.figure)
        files.write_bytes(workdir.figure_file(name), pictures[name])
    if run.config.train.tensorboard:
        events.write_figures(workdir, pictures)
    content = describe(run, drawn)
    texts = document.markdown(content), document.web_page(content, pictures)
    for path, text in zip(workdir.report_files, texts, strict=True):
        files.write_text(path, text)


def describe(run: Run, drawn: Mapping[str, Picture]) -> Document:
    """The report's content; sections that the run has no data for are left out.

    It names no path and no date: equal runs have equal reports.
    """
    corpus = run.config.data.corpus
    modalities = ", ".join(corpus_lib.modalities(run.config))
    made = (_result, configuration.section, _by_class, _confusion, _curves, _pool, _reliability)
    made += (_methods, _valence, _attention, _attention_over_time, _mistakes)
    lead = [Text(terminal.SYNTHETIC_NOTICE)] if corpus == SYNTHETIC else []
    if not run.splits or run.splits[0] != run.out_of_fold:
        lead.append(
            Text(
                "These weights were trained on other clips of train than the dataset has now, so "
                "nothing is predicted out of fold here."
            )
        )
    sections = [section for make in made if (section := make(run, drawn)) is not None]
    return Document(f"{corpus}: {run.trial['model.fusion']} of {modalities}", lead, sections)


Make = Callable[[Run, Mapping[str, Picture]], Section | None]


def _result(run: Run, _: Mapping[str, Picture]) -> Section:
    """The table in the form of the paper's Table 3, what the paper has, and the floor."""
    results = run.results
    columns = terminal.columns(results, run.metrics)
    floor = analysis.constant(run.task, run.corpus.splits[TRAIN].labels)
    labels = {split: run.predicted(split).labels for split in run.labelled_splits}
    constant = analysis.constant_scores(run.task, floor, labels) if labels else {}
    theirs = _published(run)
    rows = []
    blocks = {terminal.CROSS_VALIDATION: results["cross_validation"], **results["test"]}
    for name, scores in blocks.items():
        rows.append([name, *(terminal.score_cell(m, scores.get(m)) for m in columns)])
        bounds = results.get("interval", {}).get(name, {})
        if any(bounds.values()):
            rows.append([" 95 %", *(terminal.interval_cell(m, bounds.get(m)) for m in columns)])
        if name in theirs:
            rows.append([" published", *(_published_cell(m, theirs[name]) for m in columns)])
        split = run.out_of_fold if name == terminal.CROSS_VALIDATION else name
        if split in constant:
            cells = (terminal.value_cell(m, constant[split].get(m)) for m in columns)
            rows.append([" constant prediction", *cells])
    header = ("", *(METRICS[m].title for m in columns))
    return Section(
        "Result",
        [Table(header, rows), *map(Text, _result_notes(run, floor, bool(theirs)))],
    )


def _result_notes(run: Run, floor: analysis.Constant, is_published: bool) -> list[str]:
    said = ["Mean ± standard deviation over the repeats; F1 (Dis) and accuracy in %."]
    if is_published:
        said.append(f"Published: the same feature sets in {published.SOURCE}.")
    guesses = []
    if floor.emotion is not None:
        guesses.append(f"“{run.task.classes[floor.emotion]}”, train's most frequent emotion")
    guesses += [
        f"{mean:.2f}, train's mean {name}"
        for name, mean in zip(run.task.numbers, floor.numbers, strict=True)
    ]
    said.append(
        f"The constant prediction answers every clip with {', and with '.join(guesses)}: the "
        "baseline that a model must beat."
    )
    of = "the mean of the folds'" if run.config.folds else "that of the split val at the"
    said.append(
        f"The cross-validation score is {of} best epochs. They were chosen by this score, so it is "
        "slightly optimistic."
    )
    return said + terminal.notes(run.results, synthetic=False)


def _published(run: Run) -> dict[str, dict[str, tuple[float, float | None]]]:
    aliases = rows_lib.parse_aliases(run.config.table.aliases, "config.table.aliases")
    return published.find(corpus_lib.modalities(run.config), aliases, run.config.data.corpus) or {}


def _published_cell(metric: str, scores: Mapping[str, tuple[float, float | None]]) -> str:
    if metric not in scores:
        return terminal.score_cell(metric, None)
    mean, std = scores[metric]
    return terminal.score_cell(metric, {"mean": mean, "std": std})


def _emotion_splits(run: Run) -> list[str]:
    return [split for split in run.labelled_splits if run.predicted(split).has_emotion]


def _by_class(run: Run, _: Mapping[str, Picture]) -> Section | None:
    tables = []
    for split in _emotion_splits(run):
        scores = analysis.by_class(analysis.confusion(run.predicted(split)))
        of = zip(run.task.classes, *scores, strict=True)
        rows = [[name, *(f"{100 * x:.2f}" for x in three), str(n)] for name, *three, n in of]
        weighted = [np.average(x, weights=scores.support) for x in scores[:3]]
        total = str(scores.support.sum())
        rows.append(["weighted mean", *(f"{100 * x:.2f}" for x in weighted), total])
        header = ("emotion", "Precision", "Recall", "F1", "Clips")
        tables.append(Table(header, rows, drawing.title_of(run, split)))
    if not tables:
        return None
    return Section("Scores by emotion", [Text(_of_whom(run) + " In %."), Beside(tables)])


def _of_whom(run: Run) -> str:
    """What the predictions are that sections show."""
    if run.out_of_fold not in run.splits:
        return "Each test split is predicted by the ensemble of all runs."
    if run.out_of_fold == TRAIN:
        said = (
            "Clips of train are predicted out of fold: each by the mean of the runs that validated "
            "on it, one a repeat."
        )
    else:
        said = "Clips of val, which chose the epochs, are predicted by the mean of all runs."
    return said + " A test split is predicted by the ensemble of all runs."


def _pictures(title: str, words: str, prefix: str, drawn: Mapping[str, Picture]) -> Section | None:
    """A section of the drawn figures whose names begin with `prefix`, None where there is none."""
    images = [Image(name, of.alt) for name, of in drawn.items() if name.startswith(prefix)]
    if not images:
        return None
    return Section(title, [Text(words), Beside(images)])


def _confusion(_: Run, drawn: Mapping[str, Picture]) -> Section | None:
    words = (
        "Number of clips by true emotion (row) and predicted emotion (column), shaded by their "
        "share of the row."
    )
    return _pictures("Confusion matrices", words, "confusion_", drawn)


def _curves(run: Run, drawn: Mapping[str, Picture]) -> Section | None:
    words = (
        "Thin lines: the runs of the chosen trial; thick line: their mean. A dot marks the epoch "
        f"that a run keeps, the best by validation {METRICS[run.task.selection].title}."
    )
    return _pictures("Learning curves", words, "curve_", drawn)


def _pool(_: Run, drawn: Mapping[str, Picture]) -> Section | None:
    return _pictures("Unlabelled clips", "Mean over the runs of the chosen trial.", "pool", drawn)


def _methods(run: Run, _: Mapping[str, Picture]) -> Section | None:
    """What each method of config.semi.method="auto" gave."""
    rows = []
    for of in run.results.get(METHODS, ()):
        metric, difference = of["metric"], of.get("difference")
        rows.append(
            [
                of["method"],
                terminal.value_cell(metric, of["score"]),
                "" if difference is None else METRICS[metric].text(difference, sign="+"),
                "" if difference is None else terminal.interval_cell(metric, of.get("interval")),
                "" if of.get("brier") is None else f"{of['brier']:.3f}",
                "yes" if of.get("used") else "",
            ]
        )
    if not rows:
        return None
    title = METRICS[metric].title
    words = (
        f"Each method at its best trial: {title} over all clips that validated, its difference to "
        "supervised training, and 95 % by the bootstrap. The best is used if it is above that by "
        "a standard error. Of few clips it is the least Brier score after temperature scaling, or "
        "before it where all are right, of those that learn nothing from these clips' labels."
    )
    header = ("method", title, "difference", "95 %", "Brier score", "used")
    return Section("What unlabelled clips gave", [Text(words), Table(header, rows)])


def _reliability(run: Run, drawn: Mapping[str, Picture]) -> Section | None:
    words = (
        f"Clips in {BINS} bins of confidence, the largest probability. On the dashed line "
        "confidence equals accuracy. The expected calibration error is the mean distance from it "
        "over the clips (Guo et al. 2017)."
    )
    section = _pictures("Calibration", words, "reliability_", drawn)
    if section is None or CALIBRATION not in run.results:
        return section
    return section._replace(parts=[*section.parts, *_at_temperature(run)])


def _at_temperature(run: Run) -> list[Text | Table]:
    """The errors of calibration without the temperature of results.json and with it."""
    of = run.results[CALIBRATION]
    rows = []
    for split in _emotion_splits(run):
        errors = of["before"]["ece"], of["after"]["ece"]
        if split != run.out_of_fold:
            predicted = run.predicted(split)
            cooled = Decoding(of["temperature"]).calibrated(predicted.predictions)
            both = predicted, predicted._replace(predictions=cooled)
            errors = tuple(analysis.reliability(each).error for each in both)
        rows.append([drawing.title_of(run, split), *(f"{error:.3f}" for error in errors)])
    words = (
        f"At temperature {of['temperature']:.2f}, by which logits are divided, the clips out of "
        "fold are likeliest; each of them is judged at the temperature of the other folds' clips. "
        "config.evaluate.calibrate writes probabilities at it."
    )
    header = ("expected calibration error", "as predicted", "at the temperature")
    return [Text(words), Table(header, rows)]


def _valence(run: Run, drawn: Mapping[str, Picture]) -> Section | None:
    what = " and ".join(run.task.targets) or "valence"
    section = _pictures(
        "Targets" if run.task.targets else "Valence",
        f"Predicted against true {what}; on the dashed line they are equal.",
        "valence_",
        drawn,
    )
    further = _pictures(
        "", f"The distribution of true and predicted {what} by emotion (Figure 4 of {_PAPER} "
        "draws the true ones).", "distribution_", drawn,
    )  # fmt: skip
    if section is None or further is None:
        return section
    return section._replace(parts=[*section.parts, *further.parts])


def _attention(_: Run, drawn: Mapping[str, Picture]) -> Section | None:
    words = (
        "The weights that the fusion gives to the modalities, averaged over the runs that predict "
        "a clip, by true emotion: mean over the clips, with the standard deviation as bars."
    )
    return _pictures("Attention", words, "attention_", drawn)


def _attention_over_time(_: Run, drawn: Mapping[str, Picture]) -> Section | None:
    words = (
        "The weights that the fusion gives to the frames as it reads them, averaged over the runs "
        f"that predict a clip: the {frame_figures.CLIPS} longest clips of each split."
    )
    return _pictures("Attention over time", words, "time_", drawn)


def _mistakes(run: Run, _: Mapping[str, Picture]) -> Section | None:
    tables = []
    for split in _emotion_splits(run):
        found = analysis.confident_mistakes(run.predicted(split), MISTAKES)
        classes = run.task.classes
        rows = [
            [m.name, classes[m.true], classes[m.predicted], f"{m.confidence:.3f}"] for m in found
        ]
        if rows:
            header = ("clip", "true", "predicted", "confidence")
            tables.append(Table(header, rows, drawing.title_of(run, split)))
    if not tables:
        return None
    words = f"The wrong predictions of largest probability, at most {MISTAKES} of each split."
    return Section("Most confident mistakes", [Text(words), Beside(tables)])
