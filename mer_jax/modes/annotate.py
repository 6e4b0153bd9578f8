"""--mode=annotate: makes labels out of annotations, as section 2.2 of the MER 2023 paper does."""

import pathlib

from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Flag, Mode


def _run(arguments: Arguments) -> None:
    from mer_jax import files
    from mer_jax.scoring import annotation_files, annotation_report

    of, found, rules = annotation_report.annotate(arguments.flags)
    content = annotation_report.content(of, found, rules)
    out, npz = arguments["out"], arguments["npz"]
    scores = out.with_suffix(".scores.json")
    if npz is not None:
        annotation_files.write_npz(npz, found.outcomes)
    files.write_json(scores, content)
    files.write_csv(out, annotation_files.COLUMNS, annotation_files.rows_of(found.outcomes))
    print(annotation_report.text(content))
    print(f"Labels: {out}; {f'label file: {npz}; ' if npz else ''}counts and rules: {scores}")


MODE = Mode(
    name="annotate",
    help="Makes labels out of annotations: agreement, reliability, valence.",
    run=_run,
    example="--mode=annotate --annotations=annotations --out=labels.csv",
    flags=(
        Flag("annotations", "The folder with emotion_round1.csv, ..., valence.csv.", pathlib.Path,
             value_name="DIR"),
        flags.OUT_FILE,
        Flag("npz", "Also write the release's label file, unlabelled clips in its pool.",
             pathlib.Path, writes=True),
        Flag("majority", "Named by more than half of the annotators, or by most.", default="half",
             choices=("half", "plurality")),
        Flag("annotators", "Least number of annotators of a clip.", int, default=3, least=1),
        Flag("judges", "Least number of verdicts on a clip.", int, default=2, least=1),
        Flag("valence_count", "Valences of a reliable clip; 0: none.", int, default=6, least=0),
        Flag("valence_range", "Lowest and highest valence.", default="-5,5", value_name="A,B"),
    ),
    needs=(("annotations",), ("out",)),
)  # fmt: skip
