"""From raw clips to feature sets: the extractors by the paper's names, in the order of Table 2.

Importing it loads no model, no decoder and no extra.
"""

from mer_jax.extraction import opensmile
from mer_jax.extraction.record import Extractor

EXTRACTORS: dict[str, Extractor] = {
    extractor.name: extractor for module in (opensmile,) for extractor in module.EXTRACTORS
}
