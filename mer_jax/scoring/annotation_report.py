"""The report of --mode=annotate: where clips end, and how far annotators agree."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from mer_jax.errors import InputError
from mer_jax.evaluation import terminal
from mer_jax.scoring import agreement, annotation, annotation_files, tables
from mer_jax.scoring.annotation import Annotated, Rules
from mer_jax.scoring.annotation_files import Annotations


def rules_of(flags: Mapping[str, Any]) -> Rules:
    """The rules that the mode's flags name."""
    try:
        low, high = (int(part) for part in flags["valence_range"].split(","))
    except ValueError:
        low, high = 0, -1
    if low >= high:
        raise InputError(
            f"--valence_range={flags['valence_range']}: expected two whole numbers, such as -5,5"
        )
    if 0 < flags["valence_count"] < 3:
        raise InputError(
            f"--valence_count={flags['valence_count']}: the lowest and the highest are left out; "
            "give 3 or more, or 0 for no valence"
        )
    return Rules(
        flags["majority"], flags["annotators"], flags["judges"], flags["valence_count"], low, high
    )


def agreements(of: Annotations, rules: Rules) -> dict[str, Any]:
    """Kappa, how often each annotator is with the majority, and how far valences agree."""
    first = [[labels[0] for labels in clip.values()] for clip in of.votes[0].values()]
    return {
        "fleiss_kappa_of_first_labels": agreement.fleiss_kappa(first),
        "with_majority": {
            annotator: {"named": named, "clips": clips}
            for annotator, (named, clips) in agreement.with_majority(of.votes[0], rules).items()
        },
        "valence_icc": agreement.intraclass_correlation(of.valences),
        "valence_mean_range": agreement.mean_range(of.valences),
    }


def content(of: Annotations, found: Annotated, rules: Rules) -> dict[str, Any]:
    """What scores.json holds."""
    outcomes = found.outcomes.values()
    return {
        "rules": rules._asdict(),
        "clips": len(found.outcomes),
        "labelled": sum(outcome.emotion is not None for outcome in outcomes),
        "labels": dict(sorted(Counter(o.emotion for o in outcomes if o.emotion).items())),
        "reasons": dict(sorted(Counter(f"{o.reason}, round {o.round}" for o in outcomes).items())),
        "agreement": agreements(of, rules),
        "read": {str(path): tables.sha256(path) for path in of.paths},
        "warnings": found.warnings,
    }


def text(of: Mapping[str, Any]) -> str:
    """The table and the sentences that are printed."""
    lines = [["", "clips"], *([reason, str(n)] for reason, n in of["reasons"].items())]
    said = terminal.aligned([*lines, ["all", str(of["clips"])]])
    labels = ", ".join(f"{name} {n}" for name, n in of["labels"].items()) or "none"
    said.append(f"{of['labelled']} of {of['clips']} clips are labelled: {labels}.")
    found = of["agreement"]
    said.append(f"Fleiss' kappa of round 1, first labels: {_number(found, _KAPPA)}.")
    rows = [["annotator", "with the majority", "clips"]]
    for annotator, counts in found["with_majority"].items():
        share = 100 * counts["named"] / counts["clips"] if counts["clips"] else None
        cell = "-" if share is None else f"{share:.2f}"
        rows.append([annotator, cell, str(counts["clips"])])
    said += ["", *terminal.aligned(rows), ""]
    if found["valence_mean_range"] is not None:
        said.append(
            f"Valence: ICC(1) {_number(found, 'valence_icc')}, mean range "
            f"{_number(found, 'valence_mean_range')}."
        )
    return "\n".join([*said, *(f"Warning: {warning}." for warning in of["warnings"])])


_KAPPA = "fleiss_kappa_of_first_labels"


def _number(of: Mapping[str, Any], key: str) -> str:
    return "undefined" if of[key] is None else f"{of[key]:.3f}"


def annotate(flags: Mapping[str, Any]) -> tuple[Annotations, Annotated, Rules]:
    """Reads a folder and applies the rules of the mode's flags."""
    rules = rules_of(flags)
    of = annotation_files.read_folder(flags["annotations"], rules)
    return of, annotation.annotate(of.votes, of.verdicts, of.valences, rules), rules
