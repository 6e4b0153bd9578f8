"""--mode=table: writes the table of what is trained."""

from __future__ import annotations

from mer_jax.modes.record import Arguments, Mode


def _run(arguments: Arguments) -> None:
    from mer_jax.tables import gathering

    gathering.gather(arguments.config, arguments.workdir)


MODE = Mode(
    name="table",
    help="Writes the table of a config's rows, or of every trained workdir below DIR.",
    run=_run,
    example="--mode=table --workdir=runs",
    needs_config=True,
    needs_workdir=True,
    default_config="base",
)
