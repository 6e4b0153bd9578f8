"""Settings that several fusions have in common: each is declared once, so one key serves them."""

from typing import Any

from mer_jax.settings import AT_LEAST_1, BELOW_1, WIDTHS, Setting

HIDDEN = Setting("hidden", (128, 256), AT_LEAST_1, "size of h, Eq. 1")
LAYERS = Setting("layers", "256,128", doc="widths of the release's stacks (*_release)", kind=WIDTHS)
DROPOUT = Setting(
    "dropout",
    0.3,
    BELOW_1,
    "probability with which a hidden unit is zeroed in training",
    traced=True,
    part="train",
)


def in_order(order: tuple[str, ...], by_modality: dict[str, Any]) -> dict[str, Any]:
    """What is given by modality, in the algorithm's own order; modalities may be absent."""
    return {m: by_modality[m] for m in order if m in by_modality}
