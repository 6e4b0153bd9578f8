"""What each lever gives over today's default, out of fold and paired: the tables of docs/levers.md.

    PYTHONPATH=. python benchmarks/levers.py --corpus=cmumosi --root=FOLDER --workdir=runs/levers \\
        --page=docs/levers.md [--repeats=3]

The default is the corpus's config, its whole grid. Every lever is trained at the hidden size and
the learning rate that the default's cross-validation chose, and is on alone, at one value, so that
no row is the best of several. Then those that gained are on together, and the trainings of one
lever are members of ensembles, which are chosen fold by fold on the other folds. Differences are of
clips predicted out of fold, with the 95 % interval of a paired bootstrap over these clips. Started
again it goes on where it was.
"""

import argparse
import pathlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from mer_jax import config as config_lib
from mer_jax.data.arrays import Labels
from mer_jax.evaluation import bootstrap, combining, decoding, ensemble
from mer_jax.evaluation.ensemble import Predictions
from mer_jax.metrics import METRICS
from mer_jax.modes import train
from mer_jax.reporting.run import load_run
from mer_jax.task import Task

DEFAULT = "default"
TOGETHER = "those that gained, together"
# By the heading of its row, the keys of the lever.
LEVERS: dict[str, dict[str, Any]] = {
    "standardise=False": {"data.standardise": False},
    "standardise=True": {"data.standardise": True},
    "standardise=group": {"data.standardise": "group"},
    "standardise=all": {"data.standardise": "all"},
    "class_weight=0.5": {"train.class_weight": 0.5},
    "logit_adjustment=0.5": {"train.logit_adjustment": 0.5},
    "focal_gamma=1": {"train.focal_gamma": 1.0},
    "label_smoothing=0.1": {"train.label_smoothing": 0.1},
    "mixup_alpha=0.2": {"train.mixup_alpha": 0.2},
    "huber_delta=1": {"train.huber_delta": 1.0},
    "ccc_share=0.5": {"train.ccc_share": 0.5},
    "uncertainty_weights": {"train.uncertainty_weights": True},
    "valence_weight=0.3": {"train.valence_weight": 0.3},
}
OF_VALENCE = ("huber_delta", "ccc_share", "uncertainty_weights", "valence_weight")


class Corpus(NamedTuple):
    """What is trained on."""

    config: str
    features: Mapping[str, str]  # other than the config's
    members: Mapping[str, Mapping[str, Any]]  # other features and models, for the ensembles too


_LARGER = {"dropout=0.5": {"train.dropout": 0.5}, "hidden=512": {"model.hidden": 512}}
_CONCAT = {"concat": {"model.fusion": "concat"}}
CORPORA = {
    "cmumosi": Corpus(
        "cmumosi", {}, {**_CONCAT, "text=minilm-UTT": {"features.text": "minilm-UTT"}}
    ),
    # The config's text and video features were themselves trained on the labels of train.
    "cmumosi_unseen": Corpus("cmumosi", {"text": "minilm-UTT", "video": ""}, _CONCAT),
    "meld": Corpus("meld", {}, _CONCAT),
    "ravdess_egemaps": Corpus("ravdess", {"audio": "eGeMAPS_UTT"}, _LARGER),
    "ravdess_whisper": Corpus("ravdess", {"audio": "whisper-tiny-UTT"}, _LARGER),
}


class Given(NamedTuple):
    """What every training of a table has in common."""

    corpus: Corpus
    root: pathlib.Path
    workdir: pathlib.Path
    repeats: int


def config_of(given: Given, changes: Mapping[str, Any]):
    """The corpus's config with some keys changed, checked."""
    config = config_lib.load_file(given.corpus.config)
    config.data.root = str(given.root)
    config.repeats, config.report, config.train.tensorboard = given.repeats, False, False
    config.evaluate.bootstrap = 0
    config.features.update(dict(given.corpus.features))
    with config.ignore_type():
        config.update_from_flattened_dict(dict(changes))
    return config_lib.check(config)


def trained(given: Given, name: str, changes: Mapping[str, Any]):
    """The finished run of a lever, trained where it is not yet."""
    folder = given.workdir / re.sub(r"\W+", "_", name).strip("_")
    train.train(config_of(given, changes), folder)
    return load_run(folder)


class Row(NamedTuple):
    """A row of the table."""

    name: str
    predictions: Predictions


def rows_of(given: Given) -> tuple[Task, Labels, list[Row]]:
    """Trains what is missing; gives the rows, the default's first."""
    default = trained(given, DEFAULT, {})
    task, of = default.task, default.predicted(default.out_of_fold)
    fixed = {key: default.trial[key] for key in ("model.hidden", "train.learning_rate")}
    rows = [Row(DEFAULT, of.predictions)]
    gains = {}
    own = config_lib.flatten(config_of(given, {}))
    for name, changes in LEVERS.items():
        if not task.valence_range and name.startswith(OF_VALENCE):
            continue
        if all(own[key] == value for key, value in changes.items()):
            continue  # the default itself
        run = trained(given, name, {**fixed, **changes})
        rows.append(Row(name, run.predicted(run.out_of_fold).predictions))
        sign = METRICS[task.selection].sign
        score = [
            each.results["cross_validation"][task.selection]["mean"] for each in (run, default)
        ]
        gains[name] = sign * (score[0] - score[1])
    for name, changes in given.corpus.members.items():
        run = trained(given, name, {**fixed, **changes})
        rows.append(Row(name, run.predicted(run.out_of_fold).predictions))
    members = [row.predictions for row in rows]
    chosen: dict[str, Any] = {}
    for name in sorted(gains, key=gains.get, reverse=True):
        if gains[name] > 0:
            chosen = {**LEVERS[name], **chosen}  # of two of one key the better
    if chosen:
        run = trained(given, TOGETHER, {**fixed, **chosen})
        title = f"{TOGETHER}: {', '.join(key.partition('.')[2] for key in chosen)}"
        rows.append(Row(title, run.predicted(run.out_of_fold).predictions))
    fold = default.fold_of(of.names)
    if task.classes and task.valence_range:
        asked = config_of(given, {"evaluate.joint_decoding": True})
        found = decoding.fit(task, asked, of.predictions, of.labels, fold)
        rows.append(Row("joint decoding of the default", found.predictions))
    for by, fit in combining.FITS.items():
        together = combining.out_of_fold(fit, task, members, of.labels, fold)
        rows.append(Row(f"ensemble of the trainings of one lever, {by}", together))
    return task, of.labels, rows


def table(task: Task, labels: Labels, rows: list[Row], resamples: int) -> str:
    """The table in Markdown: each row's scores less the default's, with their intervals."""
    shown = [name for name in ("com", "dis", "dim") if METRICS[name].fits(task)]
    header = ["", *(METRICS[name].title for name in shown)]
    lines = [header, ["---", *("---:" for _ in shown)]]
    first = rows[0].predictions
    scores = ensemble.score(task, first, labels)
    lines.append([rows[0].name, *(_text(m, scores[m], "") for m in shown)])
    for row in rows[1:]:
        found = bootstrap.compare(task, row.predictions, first, labels, resamples, 0)
        cells = []
        for m in shown:
            low, high = (_text(m, bound) for bound in found[m]["interval"])
            cells.append(f"{_text(m, found[m]['difference'])} [{low}, {high}]")
        lines.append([row.name, *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _text(metric: str, value: float, sign: str = "+") -> str:
    """A score as tables show it, what is not in % with a decimal more: differences are small."""
    of = METRICS[metric]
    return of.text(value, sign) if of.percent else f"{value:{sign}.3f}"


def main() -> None:
    """Trains, and prints the table or puts it in its place in a page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--corpus", choices=CORPORA, required=True)
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--workdir", type=pathlib.Path, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--page", type=pathlib.Path)
    given = parser.parse_args()
    corpus = CORPORA[given.corpus]
    workdir = given.workdir / given.corpus
    made = table(*rows_of(Given(corpus, given.root, workdir, given.repeats)), given.resamples)
    print(made)
    if given.page is not None:
        text = given.page.read_text()
        begin, end = (f"<!-- {given.corpus}: {word} -->\n" for word in ("begin", "end"))
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        given.page.write_text(f"{before}{begin}\n{made}\n\n{end}{after}")


if __name__ == "__main__":
    main()
