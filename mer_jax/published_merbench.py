"""MERBench's figures (Lian et al. 2024), found by the names of fusions and corpora."""

SOURCE = (
    "MERBench (Lian et al. 2024), F1 with HuBERT-large, Baichuan-13B and CLIP-large, as a figure "
    "in the MERTools repository shows it"
)
_CORPORA = ("cmumosi", "sims", "mer2023")
# F1 in %; of MER 2023 the figure does not tell which test set it is of.
_F1 = {
    "mfm": ("78.34", "87.14", "70.48"),
    "misa": ("79.08", "89.82", "82.42"),
    "mfn": ("77.78", "87.00", "77.40"),
    "mmim": ("79.38", "88.68", "81.01"),
    "tfn": ("79.63", "90.56", "82.52"),
    "mult": ("81.41", "91.07", "82.94"),
}


def f1(fusion: str, corpus: str) -> float | None:
    """The F1 of a fusion on a corpus as a share, by their names in a config; None: not published.

    Of a sentiment corpus it is that of the valence's sign.
    """
    if fusion not in _F1 or corpus not in _CORPORA:
        return None
    return float(f"{_F1[fusion][_CORPORA.index(corpus)]}e-2")
