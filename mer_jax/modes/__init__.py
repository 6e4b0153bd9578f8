"""The modes of the command line, each from a checked config and a workdir."""
