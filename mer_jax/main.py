"""`python -m mer_jax.main`: reads the command line and hands over to a mode."""

import sys
from typing import NoReturn

from mer_jax import process


def main() -> NoReturn:
    """Runs the command line of this process and ends it."""
    process.run(_command)


def _command() -> None:
    from mer_jax import command_line

    mode, arguments = command_line.parse(sys.argv)
    process.log_to_stderr(arguments.quiet)
    if mode.needs_config:
        from mer_jax.training import devices

        devices.keep_compilations()
    mode.run(arguments)


if __name__ == "__main__":
    main()
