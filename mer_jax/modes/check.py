"""--mode=check: says what a folder of labels and features holds, and the command to train on it."""

from __future__ import annotations

import pathlib
import shlex
from typing import TYPE_CHECKING

from mer_jax.errors import InputError, counted, first_few
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Mode

if TYPE_CHECKING:
    import numpy as np
    from ml_collections import ConfigDict

    from mer_jax.data.survey import Labels, SetSurvey
    from mer_jax.progress import Display
    from mer_jax.task import Task

# Words in a set's name that tell its modality, where neither the paper nor an extractor names it.
_WORDS = {
    "audio": ("audio", "acoustic", "speech", "voice", "smile", "gemaps", "hubert", "wav", "whisper",
              "vggish", "mfcc", "covarep", "is09", "is10"),
    "text": ("text", "bert", "gpt", "lm", "glove", "word", "electra", "xlnet"),
    "video": ("video", "visual", "vision", "face", "clip", "resnet", "manet", "senet", "dino",
              "image", "openface"),
}  # fmt: skip


def check(config: ConfigDict, display: Display) -> None:
    """Prints what lies in `config.data.root`; InputError where nothing can be trained on it."""
    from mer_jax import config as config_lib
    from mer_jax.corpora import TABLE
    from mer_jax.data import features, survey

    root = _root(config)
    names = features.list_sets(root)
    is_asked = config.data.corpus != config_lib.load_base().data.corpus
    wanted = config.data.corpus if is_asked else TABLE.name if config.data.targets else None
    corpora, refused = survey.labels_of(root, wanted, config.data.targets)
    if not corpora:
        reasons = dict.fromkeys(refused.values())
        raise InputError("no corpus's label file can be read there:\n  " + "\n  ".join(reasons))
    labels, *others = corpora
    print(f"{root}: config.data.corpus={labels.name}")
    if others:
        print(f"Can be read as well as: {', '.join(other.name for other in others)}")
    _say_labels(labels)
    sets, unreadable = [], {}
    for name in names:
        try:
            sets.append(survey.set_of(root, name, display.count))
        except InputError as refusal:
            unreadable[name] = str(refusal)
    modality = {of_set.name: _modality(of_set.name) for of_set in sets}
    _say_sets(sets, labels, modality)
    for reason in unreadable.values():
        print(f"  {reason}")
    chosen = _chosen(sets, labels, modality)
    if not chosen:
        raise InputError(
            f"{root}/features: no set has a feature of a clip in {labels.paths[0].name}"
        )
    print("\nTo train on it:\n")
    print("  " + " \\\n    ".join(_command(root, labels, chosen, config.folds)))


def _root(config: ConfigDict) -> pathlib.Path:
    if not config.data.root:
        raise InputError(
            "config.data.root is empty; name the folder with the label file and features/"
        )
    return pathlib.Path(config.data.root)


def _say_labels(labels: Labels) -> None:
    from mer_jax.data import label_csv
    from mer_jax.evaluation import terminal
    from mer_jax.task import VALENCE

    task, classes = labels.info.task, labels.info.task.classes
    print(f"\nLabels: {', '.join(path.name for path in labels.paths)}")
    names = task.targets or (VALENCE,)
    head = ["split", "clips", *classes, *names, "unlabelled"]
    lines = [head + (["groups"] if labels.info.group else [])]
    for split, clips in labels.splits.items():
        by_class = labels.classes(split)
        cells = [split, f"{len(clips):,}", *(f"{by_class[name]:,}" for name in classes)]
        cells += [_range(values, len(clips), task) for values in labels.numbers(split).values()]
        cells.append(f"{labels.unlabelled(split):,}")
        lines.append(cells + ([str(labels.groups(split))] if labels.info.group else []))
    print("\n".join(f"  {line}" for line in terminal.aligned(lines)))
    for split, why in labels.why.items():
        print(f"  {split} counts as unlabelled: {why}")
    if not task.valence_range:
        print("  No valence is known: emotion alone is predicted.")
    elif not classes:
        are = "is" if len(names) == 1 else "are"
        print(f"  No emotion is known: {' and '.join(names)} alone {are} predicted.")
    further = set() if not labels.info.from_file else set(label_csv.number_columns(labels.paths[0]))
    if unasked := sorted(further - set(task.numbers)):
        print(
            f"  Columns of numbers that are not predicted: {', '.join(unasked)}; "
            f"--config.data.targets={','.join([*task.numbers, *unasked])} predicts them."
        )


def _range(values: np.ndarray, clips: int, task: Task) -> str:
    """The least and the greatest number of a split, and of how many clips it is not known."""
    if not values.size:
        return "-"
    said = f"{values.min():g} to {values.max():g}"
    missing = clips - values.size
    return f"{said} ({missing:,} missing)" if task.targets and missing else said


def _say_sets(sets: list[SetSurvey], labels: Labels, modality: dict[str, str]) -> None:
    from mer_jax.data import near_names
    from mer_jax.evaluation import terminal

    print("\nFeature sets:")
    lines = [["set", "modality", "level", "size", "clips", "of the labels' clips"]]
    remarks = []
    for each in sets:
        lacking = sorted(labels.names - each.clips)
        there = len(labels.names) - len(lacking)
        lines.append([
            each.name, modality[each.name] or "?", each.level, str(each.size),
            f"{len(each.clips):,}", f"{there:,} of {len(labels.names):,}",
        ])  # fmt: skip
        if each.faults:
            first = next(iter(each.faults.values()))
            remarks.append(f"{each.name}: {counted(len(each.faults), 'file')} unusable: {first}")
        if lacking:
            hint = near_names.hint(lacking, each.clips)
            remarks.append(
                f"{each.name}: {counted(len(lacking), 'clip')} of the label file without a "
                f"feature: {first_few(lacking)}{hint}"
            )
        if each.zero:
            remarks.append(
                f"{each.name}: {counted(len(each.zero), 'clip')} all zero, as one without a face "
                f"or a word: {first_few(each.zero)}"
            )
        if each.is_uneven:
            remarks.append(
                f"{each.name}: the deviations of its columns differ {each.spread:,.0f} times: "
                "standardise it (config.data.standardise=True)"
            )
    print("\n".join(f"  {line}" for line in terminal.aligned(lines)))
    for remark in remarks:
        print(f"  {remark}")


def _modality(name: str) -> str | None:
    """The modality of a set by the paper's tables, by our extractors, or by words in its name."""
    from mer_jax import published
    from mer_jax.extraction import EXTRACTORS
    from mer_jax.extraction.record import LEVELS

    known = published.name_of(name)
    if known is not None:
        return published.FEATURE_SETS[known].modality
    for extractor in EXTRACTORS.values():
        if name in (extractor.folder(level) for level in LEVELS):
            return extractor.modality
    told = [
        modality
        for modality, words in _WORDS.items()
        if any(word in name.lower() for word in words)
    ]
    return told[0] if len(told) == 1 else None


def _chosen(
    sets: list[SetSurvey], labels: Labels, modality: dict[str, str]
) -> dict[str, SetSurvey]:
    """A set for each modality: the one with most of the labels' clips, vectors before frames.

    Sets of which nobody knows the modality fill what is left, in their order.
    """
    from mer_jax.data.npy import FRAME
    from mer_jax.task import MODALITIES

    usable = [each for each in sets if each.clips & labels.names]
    usable.sort(key=lambda each: (-len(each.clips & labels.names), each.level == FRAME))
    chosen: dict[str, SetSurvey] = {}
    for each in usable:
        if modality[each.name]:
            chosen.setdefault(modality[each.name], each)
    for each in usable:
        free = [name for name in MODALITIES if name not in chosen]
        if not modality[each.name] and free:
            chosen[free[0]] = each
    return {name: chosen[name] for name in MODALITIES if name in chosen}


def _command(
    root: pathlib.Path, labels: Labels, chosen: dict[str, SetSurvey], folds: int
) -> list[str]:
    """The command that trains on the folder, in pieces."""
    from mer_jax.corpora import AUTO
    from mer_jax.task import TRAIN

    overrides = {"data.corpus": labels.name, "data.root": str(root)}
    overrides |= {f"features.{name}": each.name for name, each in chosen.items()}
    if labels.info.task.targets:
        overrides["data.targets"] = _as_flag(labels.info.task.targets)
    if len(chosen) == 1:
        overrides["model.fusion"] = "unimodal"
    if any(each.is_uneven for each in chosen.values()):
        overrides["data.standardise"] = "True"
    if any(each.faults for each in chosen.values()):
        overrides["data.bad"] = "drop"
    if any(labels.names - each.clips for each in chosen.values()):
        overrides["data.missing"] = "drop"
    groups = labels.groups(TRAIN) if labels.info.folds_by_group(AUTO) else 0
    if 1 < groups < folds:
        overrides["folds"] = str(groups)
    return [
        f"python -m mer_jax.main --config=base --workdir={shlex.quote(f'runs/{root.name}')}",
        *(f"--config.{key}={shlex.quote(value)}" for key, value in overrides.items()),
    ]


def _as_flag(names: tuple[str, ...]) -> str:
    """Names as an override has them."""
    return repr(names) if any("," in name for name in names) or len(names) == 1 else ",".join(names)


def _compare(root: pathlib.Path, other: pathlib.Path) -> None:
    """Prints which feature sets of two extractions may be mixed; InputError where one may not."""
    from mer_jax.evaluation import terminal
    from mer_jax.extraction import mixing

    found = mixing.verdicts(root, other)
    words = {True: "may be mixed", False: "must not be mixed", None: "unknown"}
    lines = [
        ["set", "verdict", "why"],
        *([each.folder, words[each.may], each.why] for each in found),
    ]
    print("\n".join(terminal.aligned(lines)))
    refused = [each.folder for each in found if each.may is False]
    if refused:
        raise InputError(
            f"{counted(len(refused), 'feature set')} of {root} and {other} must not be mixed: "
            f"{first_few(refused)}"
        )


def _run(arguments: Arguments) -> None:
    if arguments["against"] is None:
        check(arguments.config, arguments.display())
    else:
        _compare(_root(arguments.config), arguments["against"])


MODE = Mode(
    name="check",
    help="Says what a folder of labels and features holds, and the command that trains on it.",
    run=_run,
    example="--mode=check --config.data.root=my_corpus",
    flags=(flags.AGAINST,),
    needs_config=True,
    default_config="base",
)
