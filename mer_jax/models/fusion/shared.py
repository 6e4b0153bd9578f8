"""Settings that several fusions have in common: each is declared once, so one key serves them."""

from mer_jax.settings import AT_LEAST_1, BELOW_1, SWITCH, WIDTHS, Choices, Setting

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
# True: the published program to the letter, padding in front that is data and known bugs included.
# False: with the repairs that docs/fusion_algorithms.md names.
RELEASE = Setting("release", False, doc="MERBench's release to the letter", kind=SWITCH)
ENCODER = Setting(
    "encoder", "lstm", Choices(("lstm", "lstm_fcn", "alstm_fcn", "mlp")), "of frames, where a "
    "fusion of vectors takes them; mlp: of their average",
)  # fmt: skip
# Of the models that have one kind of layer, however many.
NUM_LAYERS = Setting("num_layers", 2, AT_LEAST_1, "ef_lstm, mult: layers")
