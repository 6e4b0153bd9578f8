"""A program that extracts three sets of a folder of clips, slowly enough to be killed on the way.

python -m tests.support.extract_slowly MEDIA OUT [ADDRESS of a Ray cluster]
"""

import logging
import pathlib
import sys

from mer_jax.extraction import clips, engine, plan
from mer_jax.extraction.record import IMAGES
from tests.support.extractors import Colour, Loudness, wanted

PAUSE = 0.01  # seconds of a call of an extractor
WINDOW = 8  # clips, so that a few make several windows


def main(media, out, address=None):
    logging.basicConfig()
    plan.WINDOW = WINDOW
    workers = None
    if address is not None:
        from mer_jax.extraction.ray_engine import Cluster

        workers = Cluster(address)
    sets = [
        wanted("A", Loudness(PAUSE), batch=3),
        wanted("B", Loudness(PAUSE), threads=True, level="FRA"),
        wanted("C", Colour(), IMAGES),
    ]
    found = clips.of_folder(pathlib.Path(media))
    engine.run(sets, found, pathlib.Path(out), workers=workers)


if __name__ == "__main__":
    main(*sys.argv[1:])
