"""IEMOCAP with six classes: precomputed features as a dataset, one config a feature set."""

from mer_jax.corpora import IEMOCAP6
from mer_jax.data import builder


class Builder(builder.FeatureSetBuilder):
    """See the shared builder for the records and the layout of manual_dir."""

    CORPUS = IEMOCAP6
