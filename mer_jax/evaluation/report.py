"""The result table on the terminal, in the form of the paper's Table 3."""

from typing import Any

_COLUMNS = {
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
    """Mean ± deviation over repeats, F1 and accuracy in %, one line for each split."""
    rows = {CROSS_VALIDATION: results["cross_validation"], **results["test"]}
    columns = [metric for metric in _COLUMNS if metric in results["cross_validation"]]
    lines = [["", *(_COLUMNS[metric][0] for metric in columns)]]
    for name, scores in rows.items():
        lines.append([name, *(_cell(metric, scores[metric]) for metric in columns)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    text.insert(1, "-" * len(text[0]))
    failed = sum(run["status"] != "ok" for run in results["runs"])
    if failed:
        text.append(f"{failed} of {len(results['runs'])} runs failed and are left out.")
    if results["best"]:
        chosen = ", ".join(f"{key} {value}" for key, value in results["best"].items())
        text.append(f"Chosen by cross-validation: {chosen}.")
    if synthetic:
        text.append(SYNTHETIC_NOTICE)
    return "\n".join(text)


def _cell(metric: str, score: dict[str, Any] | None) -> str:
    if score is None:
        return "-"
    _, factor, decimals = _COLUMNS[metric]
    cell = f"{factor * score['mean']:.{decimals}f}"
    if score["std"] is not None:
        cell += f"±{factor * score['std']:.{decimals}f}"
    return cell
