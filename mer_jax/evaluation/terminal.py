"""The result table on the terminal, in the form of the paper's Table 3."""

from typing import Any

COLUMNS = {
    # metric: heading, factor, decimals
    "dis": ("Dis (↑)", 100, 2),
    "dim": ("Dim (↓)", 1, 2),
    "com": ("Com (↑)", 1, 2),
    "acc": ("Acc (↑)", 100, 2),
    "mae": ("MAE (↓)", 1, 2),
    "corr": ("Corr (↑)", 1, 2),
    "sign_f1": ("Sign F1 (↑)", 100, 2),
}
CROSS_VALIDATION = "cross-validation"
SYNTHETIC_NOTICE = (
    "These scores are of the synthetic corpus. They say nothing about the real challenge."
)


def table(results: dict[str, Any], synthetic: bool) -> str:
    """Mean ± deviation over repeats, F1 and accuracy in %, one line for each split.

    Below a split's line stand the bootstrap's intervals, where there are any.
    """
    intervals = results.get("interval", {})
    rows = {CROSS_VALIDATION: results["cross_validation"], **results["test"]}
    columns = [metric for metric in COLUMNS if metric in results["cross_validation"]]
    lines = [["", *(COLUMNS[metric][0] for metric in columns)]]
    for name, scores in rows.items():
        lines.append([name, *(score_cell(metric, scores[metric]) for metric in columns)])
        bounds = intervals.get(name, {})
        if any(bounds.values()):
            lines.append(["  95 %", *(interval_cell(metric, bounds[metric]) for metric in columns)])
    return "\n".join([*aligned(lines), *notes(results, synthetic)])


def notes(results: dict[str, Any], synthetic: bool) -> list[str]:
    """What stands below the table of a run, a sentence each."""
    said = []
    if any(any(bounds.values()) for bounds in results.get("interval", {}).values()):
        said.append("95 %: interval of the ensemble of all repeats, by a bootstrap over the clips.")
    failed = sum(run["status"] != "ok" for run in results["runs"])
    if failed:
        said.append(f"{failed} of {len(results['runs'])} runs failed and are left out.")
    if results["best"]:
        chosen = ", ".join(f"{key} {value}" for key, value in results["best"].items())
        said.append(f"Chosen by cross-validation: {chosen}.")
    if synthetic:
        said.append(SYNTHETIC_NOTICE)
    return said


def comparison(found: dict[str, Any]) -> str:
    """The table of a paired bootstrap: a split's differences, their intervals, and the share."""
    columns = [
        metric
        for metric in COLUMNS
        if any(metric in by_metric for by_metric in found["splits"].values())
    ]
    lines = [["", *(COLUMNS[metric][0] for metric in columns)]]
    for name, by_metric in found["splits"].items():
        parts = {"difference": _difference, "interval": interval_cell, "not_better": _share}
        for part, heading in (
            ("difference", name), ("interval", "  95 %"), ("not_better", "  not better")
        ):  # fmt: skip
            cells = [
                "-" if by_metric[m] is None else parts[part](m, by_metric[m][part]) for m in columns
            ]
            lines.append([heading, *cells])
    text = aligned(lines)
    text.append(
        f"This run minus {found['against']}; {found['resamples']} resamples of the same clips; "
        "not better: in that share of them."
    )
    return "\n".join(text)


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
    _, factor, decimals = COLUMNS[metric]
    return f"{factor * value:+.{decimals}f}"


def _share(_: str, value: float) -> str:
    return f"{value:.3f}"


def interval_cell(metric: str, bounds: list[float] | None) -> str:
    """`[low, high]` in the units of the metric's column."""
    if bounds is None:
        return "-"
    _, factor, decimals = COLUMNS[metric]
    return "[" + ", ".join(f"{factor * bound:.{decimals}f}" for bound in bounds) + "]"


def score_cell(metric: str, score: dict[str, Any] | None) -> str:
    """`mean±std` in the units of the metric's column, without the latter where it is None."""
    if score is None:
        return "-"
    _, factor, decimals = COLUMNS[metric]
    cell = f"{factor * score['mean']:.{decimals}f}"
    if score["std"] is not None:
        cell += f"±{factor * score['std']:.{decimals}f}"
    return cell
