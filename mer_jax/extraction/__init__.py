"""From raw clips to feature sets: the extractors by the paper's names.

Importing it loads no model, no decoder and no extra.
"""

from mer_jax.extraction import opensmile, speech, text, vggish, vision, weightless, whisper
from mer_jax.extraction.record import Extractor

EXTRACTORS: dict[str, Extractor] = {
    extractor.name: extractor
    for module in (opensmile, vggish, speech, whisper, text, vision, weightless)
    for extractor in module.EXTRACTORS
}
