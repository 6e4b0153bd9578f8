"""Encoders of text over what is said in a clip: a row a token, without the special ones.

As in MER 2023's release and in MERBench, a row is the sum of the four last hidden states. A clip
without a text gets a row of zeros.
"""

import itertools
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mer_jax import extras
from mer_jax.errors import InputError
from mer_jax.extraction.record import TEXT, Decoded, Extractor, Options, of_hub

_BATCH = 256  # clips a call: they are sorted by length among themselves
_ROWS = 64  # of a batch
_MOST_TOKENS = 4096  # of a batch
_STEP = 4  # tokens; what lengths are padded to is a multiple of it
_PROBE = "a"  # a text, for how many special tokens stand before and after one


class _Text(NamedTuple):
    """An encoder of text as an extractor."""

    encoder: Any
    tokenizer: Any
    special: tuple[int, int]  # tokens that stand before and after every text
    size: int
    manifest: dict[str, Any]
    summed: int

    def extract(self, clips: Sequence[Decoded]) -> list[np.ndarray]:
        """The tokens [T, D] of each clip."""
        from mer_jax.extraction import states

        before, after = self.special
        longest = self.encoder.longest - before - after
        pieces, owners = [], []
        for owner, clip in enumerate(clips):
            tokens = self.tokenizer(clip.text)
            start, end = tokens[:before], tokens[len(tokens) - after :]
            own = tokens[before : len(tokens) - after]
            for begin in range(0, len(own), longest):
                piece = [*start, *own[begin : begin + longest], *end]
                pieces.append(np.asarray(piece, np.int32))
                owners.append(owner)
        found = states.rows(
            self.encoder, pieces, self.summed, step=_STEP, rows=_ROWS, most=_MOST_TOKENS
        )
        rows: list[list[np.ndarray]] = [[] for _ in clips]
        for owner, piece in zip(owners, found, strict=True):
            rows[owner].append(piece[before : len(piece) - after])
        zeros = np.zeros((1, self.size), np.float32)
        return [np.concatenate(each) if each else zeros for each in rows]


def tokenizer_of(folder: pathlib.Path) -> Any:
    """A function from a text to its tokens' numbers, the special ones among them.

    Reads tokenizer.json, or what transformers makes of the folder's older files.
    """
    if (folder / "tokenizer.json").is_file():
        tokenizers = extras.load("tokenizers", "extract", "reading tokenizer.json")
        try:
            tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the package raises nothing narrower
            reason = str(error).partition("\n")[0]
            raise InputError(f"{folder / 'tokenizer.json'}: not readable: {reason}") from None
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return lambda text: tokenizer.encode(text).ids
    transformers = extras.load("transformers", "extract", "reading a tokeniser's older files")
    # A list of words is BERT's, whatever the model: Chinese ALBERT, DeBERTa and GPT-2 have one.
    kind = "BertTokenizer" if (folder / "vocab.txt").is_file() else "AutoTokenizer"
    try:
        tokenizer = getattr(transformers, kind).from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"{folder}: no tokeniser; it is to hold tokenizer.json or vocab.txt: {reason}"
        ) from None
    return lambda text: tokenizer(text)["input_ids"]


def special_of(tokenizer: Any) -> tuple[int, int]:
    """How many special tokens stand before and after a text.

    BERT has one on either side, XLNet two after, GPT-2 none, Llama one before.
    """
    empty, tokens = tokenizer(""), tokenizer(_PROBE)
    pairs = zip(empty, tokens, strict=False)
    before = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return before, len(empty) - before


def _make(name: str, options: Options) -> _Text:
    from mer_jax.extraction import states

    record = _BY_NAME[name]
    encoder = states.load(record, options)
    summed = states.last_layers(options.layers, release=states.SUMMED)
    manifest = states.manifest(
        record,
        encoder,
        ("tokenizers",),
        states=f"sum of the last {summed}",
        rows="tokens without the special ones",
    )
    tokenizer = tokenizer_of(encoder.folder)
    return _Text(encoder, tokenizer, special_of(tokenizer), encoder.size, manifest, summed)


def _record(name: str, hub: str, folder: str = "", licence: str = "Apache-2.0") -> Extractor:
    return of_hub(
        name,
        hub,
        _make,
        modality="text",
        needs=TEXT,
        licence=licence,
        release_folder=folder,
        batch=_BATCH,
    )


_UNSTATED = "see its page"
EXTRACTORS = (
    _record("GPT-2", "IDEA-CCNL/Wenzhong2.0-GPT2-3.5B-chinese"),
    _record("BERT-base", "google-bert/bert-base-chinese"),
    _record("XLNet-base", "hfl/chinese-xlnet-base"),
    _record("DeBERTa-large", "WENGSYX/Deberta-Chinese-Large", licence=_UNSTATED),
    _record("RoBERTa-base", "hfl/chinese-roberta-wwm-ext"),
    _record("RoBERTa-large", "hfl/chinese-roberta-wwm-ext-large"),
    _record("ALBERT-tiny", "clue/albert_chinese_tiny", licence=_UNSTATED),
    _record("ALBERT-small", "clue/albert_chinese_small", licence=_UNSTATED),
    _record("ELECTRA-small", "hfl/chinese-electra-180g-small-discriminator"),
    _record("ELECTRA-base", "hfl/chinese-electra-180g-base-discriminator"),
    _record("ELECTRA-large", "hfl/chinese-electra-180g-large-discriminator"),
    _record("MacBERT-base", "hfl/chinese-macbert-base"),
    _record("MacBERT-large", "hfl/chinese-macbert-large"),
    _record("PERT-base", "hfl/chinese-pert-base", "chinese-pert-base-4-UTT"),
    _record("PERT-large", "hfl/chinese-pert-large", "chinese-pert-large-4-UTT"),
    _record("LERT-base", "hfl/chinese-lert-base", "chinese-lert-base-4-UTT"),
    _record("LERT-large", "hfl/chinese-lert-large", "chinese-lert-large-4-UTT"),
)
_BY_NAME = {record.name: record for record in EXTRACTORS}
