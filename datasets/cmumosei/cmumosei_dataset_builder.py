"""CMU-MOSEI: precomputed features as a dataset, one config a feature set."""

from mer_jax.corpora import CMUMOSEI
from mer_jax.data import builder


class Builder(builder.FeatureSetBuilder):
    """See the shared builder for the records and the layout of manual_dir."""

    CORPUS = CMUMOSEI
