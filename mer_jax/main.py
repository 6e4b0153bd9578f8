"""`python -m mer_jax.main`: reads the command line and hands over to a mode."""

import sys
from typing import NoReturn

from mer_jax import process


def main() -> NoReturn:
    """Runs the command line of this process and ends it."""
    process.run(_command)


def _command() -> None:
    from mer_jax import command_line, compilations, environment

    process.log_to_stderr()
    environment.prepare()
    mode, arguments = command_line.parse(sys.argv)
    if arguments.quiet:
        process.be_quiet()
    compilations.keep()
    if mode.needs_config and not arguments.flags.get("coordinator"):
        # With a coordinator it looks for them with the others.
        environment.find_devices(1 if mode.cores is None else mode.cores(arguments))
    mode.run(arguments)


if __name__ == "__main__":
    main()
