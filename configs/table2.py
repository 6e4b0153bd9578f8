"""The paper's Table 2: every feature set by itself, 27 rows, the paper's grid and repeats."""

from configs import base

ROWS = (
    "audio IS09",
    "audio IS10",
    "audio eGeMAPS",
    "audio VGGish",
    "audio HuBERT-base",
    "audio HuBERT-large",
    "audio wav2vec-large",
    "audio wav2vec 2.0-base",
    "audio wav2vec 2.0-large",
    "text GPT-2",
    "text BERT-base",
    "text XLNet-base",
    "text DeBERTa-large",
    "text RoBERTa-base",
    "text RoBERTa-large",
    "text ALBERT-tiny",
    "text ALBERT-small",
    "text ELECTRA-small",
    "text ELECTRA-base",
    "text ELECTRA-large",
    "text MacBERT-base",
    "text MacBERT-large",
    "video SENet-FER2013",
    "video MANet-RAFDB",
    "video ResNet-MSCeleb",
    "video ResNet-FER2013",
    "video ResNet-ImageNet",
)


def get_config():
    """Needs --config.data.root; rows whose features are not there are left out by name."""
    config = base.get_config()
    config.table.rows = ROWS
    return config
