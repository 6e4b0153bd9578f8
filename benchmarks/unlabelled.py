"""What unlabelled clips give on test clips, by method, and what auto uses: docs/semi_supervised.md.

    PYTHONPATH=. python benchmarks/unlabelled.py --corpus=digits --workdir=runs/unlabelled \\
        [--draws=10] [--per_class=5] [--root=FOLDER] [--held_out=4] [--page=docs/semi_supervised.md]

Each draw keeps other labels, makes other folds and starts from other weights; of digits (those of
scikit-learn, 0 to 5, upper and lower half as two modalities) it divides train and test anew; of a
table, with --held_out, so many of train's groups, such as speakers, are the test clips.
Supervised training and the methods of config.semi.method="auto" are the trials of one grid, with
one hidden size and learning rate. Each row is the ensemble of a method's folds on the test clips:
mean and deviation over the draws, and the mean of its differences to supervised training with their
95 % t-interval. LabelSpreading is that of scikit-learn, which knows the labels of all folds.
Started again it goes on where it was.
"""

import argparse
import ast
import contextlib
import json
import pathlib
from typing import Any

import numpy as np
import scipy.stats
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score
from sklearn.semi_supervised import LabelSpreading

from mer_jax import config as config_lib
from mer_jax import files
from mer_jax.corpora import MER2023, TABLE
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import folds, label_csv
from mer_jax.evaluation.methods import SUPERVISED
from mer_jax.modes import train
from mer_jax.semi import TRIED
from mer_jax.task import TRAIN, UNLABELLED
from mer_jax.training.division import hides_labels

TRAIN_IMAGES, DIGITS = 700, 6
AUTO, SPREADING = "`auto`", "LabelSpreading"
PLAIN = "supervised, `train.steps=0`"  # what training is where no pool is used
# By corpus: its config, the test split, and keys other than the config's.
CORPORA: dict[str, tuple[str, str, dict[str, Any]]] = {
    "digits": (
        "base",
        "mer_multi",
        {
            "data.corpus": "mer2023",
            "features.audio": "upper",
            "features.video": "lower",
            "data.labelled_fraction": 1.0,
            "data.labelled_per_class": 0,  # hidden in the files
        },
    ),
    "meld": ("meld", "val", {}),
    "table": ("base", "test", {"data.corpus": "table"}),
}


def write_digits(root: pathlib.Path, draw: int, per_class: int) -> None:
    """Images of 0 to 5 in the layout of MER 2023, their halves as two modalities.

    Of 700 images so many of each digit keep their labels; the others are the pool.
    """
    x, y = load_digits(return_X_y=True)
    rows = np.random.default_rng(draw).permutation(np.flatnonzero(y < DIGITS))
    labels: dict[str, dict[str, Any]] = {"train_corpus": {}, "test1_corpus": {}}
    for half, columns in (("upper", slice(0, 32)), ("lower", slice(32, 64))):
        folder = root / "features" / half
        folder.mkdir(parents=True, exist_ok=True)
        for number, row in enumerate(rows):
            np.save(folder / f"image_{number:04d}.npy", x[row, columns].astype(np.float32))
    left = dict.fromkeys(range(DIGITS), per_class)
    for number, digit in enumerate(y[rows].tolist()):
        corpus = "train_corpus" if number < TRAIN_IMAGES else "test1_corpus"
        if number < TRAIN_IMAGES:
            left[digit] -= 1
            if left[digit] < 0:
                continue
        label = {"emo": MER2023.task.classes[digit], "val": -10}
        labels[corpus][f"image_{number:04d}"] = label
    np.savez(root / "label-6way.npz", **{key: np.array(of) for key, of in labels.items()})


def hold_out(source: pathlib.Path, root: pathlib.Path, draw: int, count: int) -> None:
    """A folder with the labelled clips of another one, so many of whose groups are the test clips.

    These are others in each draw. What the other folder has without an emotion is left out.
    """
    (listed,) = TABLE.label_files
    rows = [row for row in label_csv.read_rows(source / listed, of_clips=True) if row.discrete]
    groups = np.random.default_rng(draw).permutation(sorted({row.group for row in rows}))
    tested = set(groups[:count].tolist())
    root.mkdir(parents=True, exist_ok=True)
    (root / "features").symlink_to((source / "features").absolute())
    splits = ("test" if row.group in tested else TRAIN for row in rows)
    content = [
        (row.name, row.discrete, row.group, split) for row, split in zip(rows, splits, strict=True)
    ]
    files.write_csv(root / listed, ("name", "emotion", "group", "split"), content)


def config_of(given: argparse.Namespace, root: pathlib.Path, draw: int):
    """The config of a draw, checked."""
    name, _, changes = CORPORA[given.corpus]
    config = config_lib.load_file(name)
    config.repeats, config.seed = given.repeats, draw
    config.data.root = str(root)
    config.report, config.train.tensorboard, config.evaluate.bootstrap = False, False, 0
    # Scores of each trial by itself, beside those of all together, which nobody looks at.
    config.evaluate.ensemble = "mean"
    labelled: dict[str, Any] = {"data.labelled_fraction": given.fraction}
    if given.per_class:
        labelled = {"data.labelled_per_class": given.per_class}
    more = {key: _value(text) for key, text in (pair.split("=", 1) for pair in given.set)}
    with config.ignore_type():
        config.update_from_flattened_dict(
            {
                "model.hidden": 128,
                "train.learning_rate": 1e-3,
                "semi.method": "auto",
                **labelled,
                **changes,
                **more,
            }
        )
    return config_lib.check(config)


def _value(text: str) -> Any:
    """A number, a tuple or a text."""
    with contextlib.suppress(ValueError, SyntaxError):
        return ast.literal_eval(text)
    return text


def scores_of(given: argparse.Namespace, draw: int) -> tuple[dict[str, float], str]:
    """The test score of each row in one draw, in %, and what auto used."""
    folder = given.workdir / f"{given.corpus}_{given.per_class or given.fraction}_{draw}"
    root = given.root
    if given.corpus == "digits":
        root = given.workdir / f"digits_of_{given.per_class}_{draw}"
        if not (root / "label-6way.npz").exists():
            write_digits(root, draw, given.per_class)
    if given.held_out:
        root = given.workdir / f"held_out_{draw}"
        if not root.exists():
            hold_out(given.root, root, draw, given.held_out)
    config = config_of(given, root, draw)
    train.train(config, folder)
    plain = config_of(given, root, draw)
    with plain.ignore_type():
        plain.semi.method, plain.train.steps, plain.evaluate.ensemble = "", 0, "best"
    train.train(plain, folder.with_name(folder.name + "_plain"))
    split = CORPORA[given.corpus][1]
    results = json.loads((folder / "results.json").read_text())
    members = json.loads((folder / "ensemble.json").read_text())["splits"][split]["members"]
    alone = json.loads((folder.with_name(folder.name + "_plain") / "results.json").read_text())
    # The trials stand in the order of the methods: there is no other axis.
    scores = {
        method or SUPERVISED: 100 * of["dis"] for method, of in zip(TRIED, members, strict=True)
    }
    used = next(of["method"] for of in results["methods"] if of["used"])
    scores[AUTO] = scores[used]
    scores[PLAIN] = 100 * alone["ensemble"][split]["dis"]
    scores[SPREADING] = 100 * _spread(config, split)
    return scores, used


def _spread(config, split: str) -> float:
    """Weighted F1 of LabelSpreading (alpha 0.2, 7 neighbours), as scikit-learn has it."""
    corpus = corpus_lib.load(config)
    x = {
        name: np.concatenate([np.asarray(of) for of in each.features.values()], 1)
        for name, each in corpus.splits.items()
    }
    known = corpus.splits[TRAIN].labels.emotion
    if hides_labels(config):
        of_each = config.data.labelled_per_class
        draw, count = folds.labelled, config.data.labelled_fraction
        if of_each:
            draw, count = folds.labelled_of_each, of_each
        keep = draw(corpus.splits[TRAIN].names, known, count, config.seed, 0)
        known = np.where(keep, known, -1)
    else:
        x[TRAIN] = np.concatenate([x[TRAIN], x[UNLABELLED]])
        known = np.concatenate([known, np.full(len(x[UNLABELLED]), -1)])
    model = LabelSpreading(kernel="knn", alpha=0.2, n_neighbors=7, max_iter=100)
    model.fit(x[TRAIN], known)
    true = corpus.splits[split].labels.emotion
    return f1_score(true, model.predict(x[split]), average="weighted")


def table(by_draw: list[tuple[dict[str, float], str]]) -> str:
    """The rows in Markdown."""
    lines = ["| | weighted F1 of the test clips | difference | used by `auto` |"]
    lines.append("|---|---:|---:|---:|")
    base = np.array([scores[SUPERVISED] for scores, _ in by_draw])
    for name in by_draw[0][0]:
        of = np.array([scores[name] for scores, _ in by_draw])
        times = sum(used == name for _, used in by_draw)
        cells = [f"`{name}`" if name in TRIED else name]
        cells.append(f"{of.mean():.2f}±{of.std(ddof=1) if len(of) > 1 else 0:.2f}")
        cells.append("" if name == SUPERVISED else _difference(of - base))
        compared = name in (SUPERVISED, *TRIED)
        cells.append(f"{times} of {len(by_draw)}" if compared else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _difference(values: np.ndarray) -> str:
    if len(values) < 2:
        return f"{values.mean():+.2f}"
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():+.2f} [{values.mean() - half:+.2f}, {values.mean() + half:+.2f}]"


def main() -> None:
    """Trains, and prints the table or puts it in its place in a page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--corpus", choices=CORPORA, required=True)
    parser.add_argument("--root", type=pathlib.Path, help="of other corpora than digits")
    parser.add_argument("--workdir", type=pathlib.Path, required=True)
    parser.add_argument("--draws", type=int, default=10)
    # Where labels are hidden in train, a repeat hides others; digits keep theirs.
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--per_class", type=int, default=0, help="labels of each class")
    parser.add_argument("--fraction", type=float, default=0.1, help="or this share of them")
    parser.add_argument("--held_out", type=int, default=0, help="groups of train to test on")
    parser.add_argument("--set", action="append", default=[], help="further keys, KEY=VALUE")
    parser.add_argument("--page", type=pathlib.Path)
    parser.add_argument("--named", help="the table's place in the page, where not the corpus's")
    given = parser.parse_args()
    made = table([scores_of(given, draw) for draw in range(given.draws)])
    print(made)
    if given.page is not None:
        named = given.named or f"{given.corpus} {given.per_class or given.fraction}"
        begin, end = (f"<!-- {named}: {word} -->\n" for word in ("begin", "end"))
        before, _, rest = given.page.read_text().partition(begin)
        _, _, after = rest.partition(end)
        given.page.write_text(f"{before}{begin}\n{made}\n\n{end}{after}")


if __name__ == "__main__":
    main()
