"""Draws the README's pictures, docs/pictures/*.png: two figures of the quickstart's report.

`make quickstart`, then `.venv/bin/python -m docs.make_pictures [WORKDIR]` in the repository's root.
"""

import pathlib
import sys

from mer_jax import files, load_run
from mer_jax.reporting import drawing

PICTURES = ("confusion_train", "distribution_train")
FOLDER = pathlib.Path(__file__).parent / "pictures"


def main(workdir: str = "runs/quickstart") -> None:
    """Writes the pictures of a workdir."""
    drawn = load_run(workdir).figures
    for name in PICTURES:
        path = FOLDER / f"{name}.png"
        files.write_bytes(path, drawing.png(drawn[name]))
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(*sys.argv[1:])
