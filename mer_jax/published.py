"""The paper's figures: Tables 2 and 3 of Lian et al. 2023, found by the names of feature sets."""

import functools
from collections.abc import Mapping
from typing import NamedTuple

SOURCE = "Lian et al. 2023, Tables 2 and 3"
CORPORA = ("mer2023", "synthetic")  # whose scores stand beside the figures


class FeatureSet(NamedTuple):
    """A feature set of the paper: its modality and its folders."""

    modality: str
    folders: tuple[str, ...]  # what its release calls it under features/; the first that is there


# By the paper's name, in the order of Table 2.
FEATURE_SETS = {
    "IS09": FeatureSet("audio", ("IS09_UTT",)),
    "IS10": FeatureSet("audio", ("IS10_UTT",)),
    "eGeMAPS": FeatureSet("audio", ("eGeMAPS_UTT",)),
    "VGGish": FeatureSet("audio", ("vggish_UTT",)),
    "HuBERT-base": FeatureSet("audio", ("chinese-hubert-base-UTT",)),
    "HuBERT-large": FeatureSet("audio", ("chinese-hubert-large-UTT",)),
    # The release extracts both; the paper does not say which of them the row is.
    "wav2vec-large": FeatureSet("audio", ("wav2vec-large-c-UTT", "wav2vec-large-z-UTT")),
    "wav2vec 2.0-base": FeatureSet("audio", ("chinese-wav2vec2-base-UTT",)),
    "wav2vec 2.0-large": FeatureSet("audio", ("chinese-wav2vec2-large-UTT",)),
    # The paper cites another checkpoint (gpt2-chinese-cluecorpussmall) than the release extracts.
    "GPT-2": FeatureSet("text", ("wenzhong2-gpt2-chinese-4-UTT",)),
    "BERT-base": FeatureSet("text", ("bert-base-chinese-4-UTT",)),
    "XLNet-base": FeatureSet("text", ("chinese-xlnet-base-4-UTT",)),
    "DeBERTa-large": FeatureSet("text", ("deberta-chinese-large-4-UTT",)),
    "RoBERTa-base": FeatureSet("text", ("chinese-roberta-wwm-ext-4-UTT",)),
    "RoBERTa-large": FeatureSet("text", ("chinese-roberta-wwm-ext-large-4-UTT",)),
    "ALBERT-tiny": FeatureSet("text", ("albert_chinese_tiny-4-UTT",)),
    "ALBERT-small": FeatureSet("text", ("albert_chinese_small-4-UTT",)),
    "ELECTRA-small": FeatureSet("text", ("chinese-electra-180g-small-4-UTT",)),
    "ELECTRA-base": FeatureSet("text", ("chinese-electra-180g-base-4-UTT",)),
    "ELECTRA-large": FeatureSet("text", ("chinese-electra-180g-large-4-UTT",)),
    "MacBERT-base": FeatureSet("text", ("chinese-macbert-base-4-UTT",)),
    "MacBERT-large": FeatureSet("text", ("chinese-macbert-large-4-UTT",)),
    "SENet-FER2013": FeatureSet("video", ("senet50face_UTT",)),
    "MANet-RAFDB": FeatureSet("video", ("manet_UTT",)),
    "ResNet-MSCeleb": FeatureSet("video", ("msceleb_UTT",)),
    "ResNet-FER2013": FeatureSet("video", ("resnet50face_UTT",)),
    "ResNet-ImageNet": FeatureSet("video", ("imagenet_UTT",)),
}
_ABBREVIATIONS = {  # Table 3's own
    "HL": "HuBERT-large",
    "HB": "HuBERT-base",
    "ML": "MacBERT-large",
    "RL": "RoBERTa-large",
    "MB": "MacBERT-base",
    "RF": "ResNet-FER2013",
    "MR": "MANet-RAFDB",
}

# The figures as printed: F1 in %, below each mean the standard deviation of three repeats.
_COLUMNS = tuple(
    (split, metric)
    for split, metrics in {
        "cross-validation": ("dis", "dim", "com"),
        "mer_multi": ("dis", "dim", "com"),
        "mer_noise": ("dis", "dim", "com"),
        "mer_semi": ("dis",),
    }.items()
    for metric in metrics
)
# MANet-RAFDB: from Table 3, which repeats seven of these rows.
_TABLE_2 = """
IS09              24.89  2.95 -0.49   21.98  2.81 -0.48   24.05  2.25 -0.32   17.74
±                  0.24  0.03  0.01    0.46  0.03  0.01    0.21  0.02  0.00    0.40
IS10              29.08  2.85 -0.42   27.34  2.64 -0.39   27.47  2.21 -0.28   19.42
±                  0.65  0.02  0.00    1.83  0.04  0.03    1.60  0.02  0.02    0.88
eGeMAPS           17.48  6.66 -1.49   17.28  3.31 -0.66   18.48  2.61 -0.47    8.65
±                  1.31  1.79  0.46    2.02  0.06  0.01    3.13  0.13  0.04    0.52
VGGish            45.88  2.60 -0.19   40.76  2.58 -0.24   41.39  2.48 -0.21   54.81
±                  0.13  0.02  0.00    0.60  0.03  0.00    1.03  0.04  0.01    0.85
HuBERT-base       60.72  1.53  0.22   61.16  1.48  0.24   44.44  3.18 -0.35   81.02
±                  0.16  0.01  0.00    1.43  0.02  0.02    0.36  0.13  0.04    0.26
HuBERT-large      65.67  1.27  0.34   66.51  1.22  0.36   57.14  1.63  0.16   85.11
±                  0.54  0.03  0.01    0.61  0.01  0.01    0.39  0.03  0.01    0.07
wav2vec-large     49.93  2.16 -0.04   50.32  2.03 -0.01   42.47  2.11 -0.10   20.78
±                  0.16  0.02  0.00    0.69  0.01  0.01    1.28  0.04  0.01    0.36
wav2vec 2.0-base  32.81  2.61 -0.33   29.25  2.53 -0.34   32.44  2.04 -0.18   40.28
±                  0.80  0.01  0.01    0.78  0.00  0.01    0.96  0.01  0.01    0.91
wav2vec 2.0-large 40.44  2.37 -0.19   41.30  2.27 -0.15   40.01  1.87 -0.07   32.85
±                  0.80  0.02  0.01    1.49  0.01  0.02    1.64  0.01  0.02    2.86
GPT-2             40.20  2.52 -0.23   44.69  2.23 -0.11   37.67  2.11 -0.15   29.00
±                  0.35  0.02  0.01    0.68  0.01  0.01    0.66  0.01  0.01    1.57
BERT-base         41.64  2.46 -0.20   47.27  2.25 -0.09   40.64  2.10 -0.12   43.60
±                  0.91  0.03  0.00    1.20  0.01  0.01    0.26  0.03  0.01    1.51
XLNet-base        39.55  2.59 -0.25   45.08  2.28 -0.12   37.24  2.17 -0.17   35.37
±                  0.75  0.03  0.01    1.97  0.01  0.02    0.38  0.02  0.01    0.33
DeBERTa-large     37.50  2.65 -0.29   42.56  2.38 -0.17   36.38  2.29 -0.21   30.69
±                  0.90  0.02  0.01    0.76  0.01  0.01    0.13  0.02  0.01    0.87
RoBERTa-base      41.57  2.42 -0.19   48.92  2.28 -0.08   40.06  2.05 -0.11   40.13
±                  0.49  0.01  0.01    0.84  0.01  0.01    1.23  0.01  0.01    0.34
RoBERTa-large     42.59  2.39 -0.17   50.12  2.25 -0.06   40.92  1.97 -0.08   40.61
±                  0.45  0.01  0.01    0.92  0.01  0.01    0.45  0.01  0.00    0.54
ALBERT-tiny       35.39  2.72 -0.33   36.46  2.57 -0.28   34.18  2.30 -0.23   29.05
±                  0.44  0.01  0.00    1.74  0.02  0.02    1.45  0.00  0.01    0.93
ALBERT-small      35.45  2.79 -0.34   37.34  2.59 -0.27   33.98  2.30 -0.23   31.81
±                  1.07  0.03  0.00    0.98  0.05  0.02    1.61  0.04  0.01    1.29
ELECTRA-small     37.01  2.73 -0.31   37.34  2.58 -0.27   34.82  2.16 -0.19   33.54
±                  0.08  0.04  0.01    1.19  0.01  0.01    0.90  0.01  0.01    2.14
ELECTRA-base      40.69  2.49 -0.22   47.06  2.24 -0.09   39.02  2.01 -0.11   42.90
±                  0.60  0.03  0.01    1.44  0.03  0.02    0.37  0.02  0.01    1.05
ELECTRA-large     39.75  2.57 -0.25   44.76  2.33 -0.13   35.51  2.16 -0.19   35.14
±                  0.23  0.01  0.00    0.52  0.02  0.00    0.69  0.02  0.01    0.49
MacBERT-base      40.96  2.42 -0.19   48.82  2.21 -0.06   41.19  2.04 -0.10   43.32
±                  0.47  0.02  0.01    0.81  0.02  0.00    1.87  0.02  0.02    0.51
MacBERT-large     42.62  2.39 -0.17   50.31  2.25 -0.06   42.36  2.01 -0.08   46.32
±                  0.76  0.03  0.01    0.99  0.00  0.01    0.49  0.02  0.00    1.23
SENet-FER2013     55.95  1.46  0.19   56.69  1.30  0.24   54.19  1.94  0.06   33.85
±                  0.07  0.02  0.01    0.32  0.03  0.01    0.16  0.08  0.02    0.06
MANet-RAFDB       57.48  1.38  0.23   56.19  1.48  0.19   55.18  1.49  0.18   58.01
±                  0.18  0.02  0.01    0.28  0.02  0.01    0.43  0.01  0.00    0.93
ResNet-MSCeleb    40.76  2.14 -0.13   40.32  2.21 -0.15   38.15  2.07 -0.14   23.49
±                  0.16  0.02  0.00    0.42  0.01  0.01    0.42  0.01  0.01    0.18
ResNet-FER2013    56.58  1.35  0.23   57.44  1.28  0.25   57.68  1.39  0.23   51.43
±                  0.37  0.02  0.01    0.96  0.01  0.01    0.38  0.02  0.01    0.57
ResNet-ImageNet   45.81  2.12 -0.07   44.91  1.90 -0.03   46.20  1.84  0.00   41.32
±                  0.41  0.04  0.01    0.79  0.02  0.00    0.73  0.01  0.01    0.49
"""
# The rows of two and three modalities.
_TABLE_3 = """
HL+ML    67.02  1.16  0.38   69.98  1.11  0.42   59.56  1.68  0.18   85.59
±         0.10  0.00  0.00    0.97  0.01  0.01    0.25  0.02  0.00    0.35
HL+RL    66.76  1.18  0.37   69.56  1.14  0.41   59.34  1.61  0.19   76.87
±         0.29  0.01  0.01    0.43  0.02  0.00    0.83  0.08  0.01    1.80
HL+MB    67.09  1.16  0.38   69.34  1.18  0.40   58.74  1.75  0.15   84.90
±         0.18  0.01  0.00    0.89  0.01  0.01    0.53  0.03  0.01    0.37
HL+RF    72.75  0.88  0.51   72.30  0.84  0.51   68.80  1.23  0.38   79.16
±         0.30  0.02  0.00    0.40  0.02  0.01    0.82  0.04  0.00    0.77
HL+MR    72.92  0.86  0.52   73.38  0.83  0.53   66.87  1.21  0.37   86.75
±         0.54  0.01  0.01    1.02  0.01  0.01    1.13  0.03  0.01    0.12
HB+ML    63.10  1.40  0.28   67.55  1.34  0.34   49.34  2.02 -0.01   79.01
±         0.25  0.03  0.01    0.34  0.01  0.00    0.85  0.02  0.01    0.29
HB+RL    63.11  1.38  0.29   68.25  1.35  0.35   47.47  1.97 -0.02   65.29
±         0.23  0.01  0.00    0.42  0.01  0.00    0.16  0.04  0.01    1.43
HB+MB    62.17  1.44  0.26   68.10  1.37  0.34   47.90  2.10 -0.05   81.38
±         0.19  0.02  0.00    1.35  0.01  0.01    0.29  0.02  0.01    0.27
HB+RF    71.34  0.92  0.48   69.11  0.94  0.46   53.91  1.25  0.23   82.88
±         0.06  0.02  0.00    0.63  0.01  0.01    0.42  0.01  0.00    0.13
HB+MR    71.25  0.95  0.47   70.32  0.85  0.49   55.31  1.14  0.27   83.93
±         0.16  0.01  0.00    0.67  0.01  0.01    0.34  0.00  0.00    0.12
ML+RF    61.63  1.29  0.29   68.05  1.12  0.40   62.47  1.14  0.34   54.31
±         0.22  0.01  0.00    1.18  0.01  0.01    0.40  0.01  0.00    0.50
ML+MR    61.19  1.28  0.29   67.92  1.23  0.37   61.58  1.27  0.30   66.96
±         0.39  0.02  0.01    0.34  0.02  0.00    0.39  0.02  0.00    0.17
RL+RF    61.83  1.27  0.30   66.08  1.12  0.38   60.61  1.19  0.31   54.60
±         0.24  0.03  0.01    0.95  0.02  0.01    0.30  0.01  0.00    0.77
RL+MR    61.54  1.28  0.30   66.53  1.21  0.36   62.22  1.27  0.31   66.36
±         0.04  0.01  0.00    0.80  0.01  0.01    0.45  0.01  0.01    0.80
MB+RF    60.70  1.31  0.28   66.77  1.25  0.36   61.74  1.19  0.32   61.44
±         0.37  0.02  0.01    0.38  0.02  0.01    0.57  0.01  0.01    0.68
MB+MR    60.85  1.29  0.29   67.53  1.20  0.37   62.26  1.34  0.29   64.94
±         0.26  0.00  0.00    1.03  0.01  0.01    0.69  0.01  0.01    0.31
HL+ML+RF 72.64  0.83  0.52   77.57  0.88  0.56   68.35  1.20  0.38   86.40
±         0.16  0.01  0.00    0.40  0.01  0.00    0.54  0.04  0.01    0.37
HL+ML+MR 73.39  0.87  0.52   75.49  0.82  0.55   69.82  1.18  0.40   77.86
±         0.14  0.00  0.00    0.59  0.00  0.01    0.17  0.03  0.01    1.18
HB+ML+RF 71.93  0.87  0.50   75.70  0.92  0.53   65.63  1.23  0.35   84.82
±         0.15  0.01  0.00    0.28  0.02  0.00    0.85  0.04  0.01    0.09
HL+RL+RF 72.77  0.83  0.52   76.27  0.86  0.55   68.58  1.12  0.41   80.67
±         0.31  0.00  0.00    1.27  0.03  0.02    0.69  0.05  0.01    0.56
HL+MB+RF 72.95  0.83  0.52   76.14  0.90  0.54   67.73  1.15  0.39   86.13
±         0.13  0.01  0.00    0.38  0.03  0.01    0.36  0.06  0.01    0.47
"""


def find(
    features: Mapping[str, str], aliases: Mapping[str, str] | None = None, corpus: str = CORPORA[0]
) -> dict[str, dict[str, tuple[float, float | None]]] | None:
    """The figures of Table 2 or 3 for these feature sets: mean and deviation by split and metric.

    `features` maps modality to a feature set, by the paper's name, by the release's folder or by
    a folder of `aliases` (paper's name -> folder); an empty one is an absent modality. Splits,
    metrics and units are those of results.json. None where the paper has no such row, and for
    another corpus, whose features may be called the same.
    """
    if corpus not in CORPORA:
        return None
    names = []
    for modality, feature_set in features.items():
        if feature_set:
            name = name_of(feature_set, aliases)
            if name is None or FEATURE_SETS[name].modality != modality:
                return None
            names.append(name)
    return _tables().get(frozenset(names))


def name_of(feature_set: str, aliases: Mapping[str, str] | None = None) -> str | None:
    """The paper's name of a feature set, or None where it has none."""
    for name, folder in (aliases or {}).items():
        if feature_set == folder:
            return name
    for name, known in FEATURE_SETS.items():
        if feature_set in (name, *known.folders):
            return name
    return None


@functools.cache
def _tables() -> dict[frozenset[str], dict[str, dict[str, tuple[float, float | None]]]]:
    """The rows of both tables by the paper's names of their feature sets."""
    lines = _TABLE_2.strip().splitlines() + _TABLE_3.strip().splitlines()
    rows = {}
    for means, deviations in zip(lines[::2], lines[1::2], strict=True):
        label, *printed = means.rsplit(maxsplit=len(_COLUMNS))
        names = [_ABBREVIATIONS.get(name, name) for name in label.strip().split("+")]
        row: dict[str, dict[str, tuple[float, float | None]]] = {}
        for (split, metric), mean, deviation in zip(
            _COLUMNS, printed, deviations.split()[1:], strict=True
        ):
            shift = 2 if metric == "dis" else 0  # decimal places: nearer than dividing by 100
            row.setdefault(split, {})[metric] = (
                float(f"{mean}e-{shift}"),
                float(f"{deviation}e-{shift}"),
            )
        rows[frozenset(names)] = row
    return rows
