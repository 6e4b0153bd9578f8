"""`python -m mer_jax.main`: reads the command line and hands over to a mode of the experiment."""

from mer_jax import command_line


def main(arguments: command_line.Arguments) -> None:
    """Runs the chosen mode."""
    from mer_jax import experiment  # a mistake on the command line is told before these load
    from mer_jax.training import devices

    if arguments.processes is not None:
        devices.join_processes(*arguments.processes)
    devices.keep_compilations()
    match arguments.mode:
        case "build":
            experiment.build(arguments.config)
        case "train":
            experiment.train(arguments.config, arguments.workdir, arguments.repeated)
        case "evaluate":
            experiment.evaluate(arguments.config, arguments.workdir, arguments.labels)
        case "compare":
            experiment.compare(
                arguments.config, arguments.workdir, arguments.against, arguments.labels
            )
        case "predict":
            experiment.predict(arguments.config, arguments.workdir, arguments.out)
        case "select":
            experiment.select(arguments.config, arguments.workdir, arguments.out)


if __name__ == "__main__":
    command_line.run(main)
