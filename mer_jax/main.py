"""`python -m mer_jax.main`: reads the command line and hands over to a mode."""

import sys
from typing import NoReturn

from mer_jax import process


def main() -> NoReturn:
    """Runs the command line of this process and ends it."""
    process.run(_command)


def _command() -> None:
    from mer_jax import command_line, environment

    process.log_to_stderr()
    environment.prepare()
    mode, arguments = command_line.parse(sys.argv)
    if arguments.quiet:
        process.be_quiet()
    if mode.needs_config:
        from mer_jax.training import devices

        devices.keep_compilations()
        if not arguments.flags.get("coordinator"):  # else it looks for them with the others
            devices.find()
    mode.run(arguments)


if __name__ == "__main__":
    main()
