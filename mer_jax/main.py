"""`python -m mer_jax.main`: reads the command line and hands over to a mode."""

from mer_jax import command_line


def main(arguments: command_line.Arguments) -> None:
    """Runs the chosen mode."""
    # A mistake on the command line is told before these load.
    from mer_jax.modes import build, compare, evaluate, report, select, train
    from mer_jax.training import devices

    config, workdir = arguments.config, arguments.workdir
    if arguments.processes is not None:
        devices.join_processes(*arguments.processes)
    devices.keep_compilations()
    match arguments.mode:
        case "build":
            build.build(config)
        case "train":
            train.train(config, workdir, arguments.repeated)
        case "evaluate":
            evaluate.evaluate(config, workdir, arguments.labels)
        case "compare":
            compare.compare(config, workdir, arguments.against, arguments.labels)
        case "predict":
            evaluate.predict(config, workdir, arguments.out)
        case "select":
            select.select(config, workdir, arguments.out)
        case "report":
            report.report(config, workdir, arguments.labels)


if __name__ == "__main__":
    command_line.run(main)
