"""`python -m mer_jax.main`: reads the command line and hands over to a mode."""

from mer_jax import command_line


def main(arguments: command_line.Arguments) -> None:
    """Runs the chosen mode."""
    # A mistake on the command line is told before these load.
    from mer_jax import progress
    from mer_jax.modes import build, compare, evaluate, report, select, table, train
    from mer_jax.training import devices

    config, workdir = arguments.config, arguments.workdir
    is_first = True
    if arguments.processes is not None:
        devices.join_processes(*arguments.processes)
        is_first = devices.is_first()
    devices.keep_compilations()
    shown = progress.display(silent=arguments.quiet or not is_first)
    match arguments.mode:
        case "build":
            build.build(config, shown)
        case "train" if config.table.rows:
            table.train(config, workdir, arguments.repeated, shown)
        case "train":
            train.train(config, workdir, arguments.repeated, shown)
        case "evaluate":
            evaluate.evaluate(config, workdir, arguments.labels, shown)
        case "compare":
            compare.compare(config, workdir, arguments.against, arguments.labels, shown)
        case "predict":
            evaluate.predict(config, workdir, arguments.out, shown)
        case "select":
            select.select(config, workdir, arguments.out, shown)
        case "table":
            table.gather(config, workdir)
        case "report":
            report.report(config, workdir, arguments.labels, shown)


if __name__ == "__main__":
    command_line.run(main)
