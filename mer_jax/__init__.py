"""Multimodal emotion recognition: the MER 2023 baseline as compiled experiments in JAX.

Array names carry their shape as letters after an underscore, and annotations use the same ones:

    B  samples of a batch          N  samples of a split        M  modalities
    D  size of a feature vector    T  frames                    H  hidden size
    C  emotion classes             K  folds                     R  runs side by side
    S  steps of an epoch           V  validation samples        E  epochs
"""

__version__ = "0.1.0"


def __getattr__(name: str):
    """Imports `mer_jax.load_run`, and JAX with it, on first use."""
    if name == "load_run":
        from mer_jax.reporting.run import load_run

        return load_run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
