"""The result table on the terminal, in the form of the paper's Table 3."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mer_jax.evaluation import counts
from mer_jax.metrics import METRICS, ordered
from mer_jax.ways import MEAN, WAYS

CROSS_VALIDATION = "cross-validation"
SYNTHETIC_NOTICE = (
    "These scores are of the synthetic corpus. They say nothing about the real challenge."
)


def columns(results: dict[str, Any], wanted: Sequence[str] = ()) -> list[str]:
    """The metrics of a run's table: those `wanted` of which there are scores.

    Where none is wanted: those of cross-validation, in the registry's order.
    """
    blocks = [results["cross_validation"], *(results["test"].values() if wanted else ())]
    found = {name for scores in blocks for name in scores}
    return [name for name in wanted or ordered(found) if name in found]


def table(results: dict[str, Any], synthetic: bool, wanted: Sequence[str] = ()) -> str:
    """Mean ± deviation over repeats, F1 and accuracy in %, one line for each split.

    `wanted` are the metrics to show; empty: those of cross-validation. Below a split's line stand
    the bootstrap's intervals, where there are any.
    """
    intervals = results.get("interval", {})
    rows = {CROSS_VALIDATION: results["cross_validation"], **results["test"]}
    chosen = columns(results, wanted)
    lines = [["", *(METRICS[metric].title for metric in chosen)]]
    for name, scores in rows.items():
        lines.append([name, *(score_cell(metric, scores.get(metric)) for metric in chosen)])
        bounds = intervals.get(name, {})
        if any(bounds.values()):
            cells = (interval_cell(metric, bounds.get(metric)) for metric in chosen)
            lines.append(["  95 %", *cells])
    return "\n".join([*aligned(lines), *notes(results, synthetic)])


def notes(results: dict[str, Any], synthetic: bool) -> list[str]:
    """What stands below the table of a run, a sentence each."""
    said = []
    if any(any(bounds.values()) for bounds in results.get("interval", {}).values()):
        said.append("95 %: interval of the ensemble of all repeats, by a bootstrap over the clips.")
    if "clips" in results:
        said.append(clips(results["clips"]))
    failed = sum(run["status"] != "ok" for run in results["runs"])
    if failed:
        said.append(f"{failed} of {len(results['runs'])} runs failed and are left out.")
    if results["best"]:
        best = results["best"]
        if best.get("semi.method", "") is None:  # and what it would have brought
            best = {"semi.method": "none", **{k: v for k, v in best.items() if v is not None}}
        chosen = ", ".join(f"{key} {value}" for key, value in best.items())
        said.append(f"Chosen by cross-validation: {chosen}.")
    if synthetic:
        said.append(SYNTHETIC_NOTICE)
    return said


def comparison(found: dict[str, Any], wanted: Sequence[str] = ()) -> str:
    """The table of a paired bootstrap: a split's differences, their intervals, and the share.

    `wanted` are the metrics to show; empty: all.
    """
    there = {metric for by_metric in found["splits"].values() for metric in by_metric}
    chosen = [metric for metric in wanted or ordered(there) if metric in there]
    lines = [["", *(METRICS[metric].title for metric in chosen)]]
    for name, by_metric in found["splits"].items():
        parts = {"difference": _difference, "interval": interval_cell, "not_better": _share}
        for part, heading in (
            ("difference", name), ("interval", "  95 %"), ("not_better", "  not better")
        ):  # fmt: skip
            cells = [
                "-" if by_metric.get(m) is None else parts[part](m, by_metric[m][part])
                for m in chosen
            ]
            lines.append([heading, *cells])
    text = aligned(lines)
    text.append(
        f"This run minus {found['against']}; {found['resamples']} resamples of the same clips; "
        "not better: in that share of them."
    )
    if "clips" in found:
        text.append(clips(found["clips"]))
    return "\n".join(text)


def ensemble(found: dict[str, Any], wanted: Sequence[str], synthetic: bool) -> str:
    """The table of several workdirs together: each split's scores, their intervals, its members'.

    `wanted` are the metrics to show.
    """
    splits = found["splits"]
    chosen = [name for name in wanted if any(name in of["ensemble"] for of in splits.values())]
    lines = [["", *(METRICS[metric].title for metric in chosen)]]
    for split, of in splits.items():
        heading = f"{split}, out of fold" if of["out_of_fold"] else split
        lines.append([heading, *(value_cell(metric, of["ensemble"][metric]) for metric in chosen)])
        bounds = of.get("interval", {})
        if any(bounds.values()):
            lines.append(["  95 %", *(interval_cell(metric, bounds[metric]) for metric in chosen)])
        for member, scores in zip(found["members"], of["members"], strict=True):
            lines.append(
                [f"  {member}", *(value_cell(metric, scores[metric]) for metric in chosen)]
            )
    said = [
        f"{WAYS[found['combine']]} {len(found['members'])} members' probabilities and valences; "
        "below it each member by itself.",
        *_weights(found),
        *_calibration(found),
        clips({split: of["clips"] for split, of in splits.items()}),
    ]
    return "\n".join([*aligned(lines), *said, *([SYNTHETIC_NOTICE] if synthetic else [])])


def _weights(found: dict[str, Any]) -> Iterator[str]:
    """The sentences on how much members count, of an ensemble that chose it."""
    if found["combine"] == MEAN:
        return
    for head, of_head in found["weights"].items():
        chosen = (f"{member} {weight:.2f}" for member, weight in of_head.items() if weight)
        yield f"Weights, {head}: {', '.join(chosen)}."
    if any(of["out_of_fold"] for of in found["splits"].values()):
        yield "Out of fold each clip is predicted by what was chosen on the other folds' clips."


def _calibration(found: dict[str, Any]) -> Iterator[str]:
    """The sentence on how far an ensemble's confidences are from its accuracy, out of fold."""
    of = found.get("calibration")
    if of:
        yield (
            f"Out of fold the expected calibration error is {of['before']['ece']:.3f}, and "
            f"{of['after']['ece']:.3f} at temperature {of['temperature']:.2f}."
        )


def clips(of_splits: Mapping[str, Mapping[str, int]]) -> str:
    """The sentence that says over how many clips the scores of each split are."""
    headings = {"cross_validation": CROSS_VALIDATION}
    parts = (f"{headings.get(name, name)} {counts.words(of)}" for name, of in of_splits.items())
    return f"Clips that are scored: {', '.join(parts)}."


def aligned(lines: list[list[str]]) -> list[str]:
    """A table as text: the first of `lines` is its head, the first cell of each its label."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return [text[0], "-" * len(text[0]), *text[1:]]


def _difference(metric: str, value: float) -> str:
    return METRICS[metric].text(value, sign="+")


def _share(_: str, value: float) -> str:
    return f"{value:.3f}"


def interval_cell(metric: str, bounds: list[float] | None) -> str:
    """`[low, high]` in the units of the metric's column."""
    if bounds is None:
        return "-"
    return "[" + ", ".join(METRICS[metric].text(bound) for bound in bounds) + "]"


def value_cell(metric: str, value: float | None) -> str:
    """One value in the units of the metric's column."""
    return score_cell(metric, None if value is None else {"mean": value, "std": None})


def score_cell(metric: str, score: dict[str, Any] | None) -> str:
    """`mean±std` in the units of the metric's column, without the latter where it is None."""
    if score is None:
        return "-"
    cell = METRICS[metric].text(score["mean"])
    return cell if score["std"] is None else f"{cell}±{METRICS[metric].text(score['std'])}"
