"""Settings that several fusions have in common: each is declared once, so one key serves them."""

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
