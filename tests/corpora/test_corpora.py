"""The corpora that are known: their splits, and how their names tell videos and dialogues apart."""

import pytest

from mer_jax import corpora
from mer_jax.errors import InputError


def test_splits_stand_in_the_order_of_reports():
    assert corpora.MER2023.splits == ("train", "mer_multi", "mer_noise", "mer_semi", "unlabelled")
    assert corpora.CMUMOSI.splits == corpora.MELD.splits == ("train", "val", "test")


def test_names_tell_videos_and_dialogues():
    # YouTube's identifiers hold underscores of their own.
    assert corpora.CMUMOSI.group("_dI--eQ6qVU_12") == "_dI--eQ6qVU"
    assert corpora.MELD.group("dia12_utt3") == "dia12"
    assert corpora.MER2023.group is None


def test_an_unknown_corpus_names_those_there_are():
    with pytest.raises(
        InputError, match=r"corpus 'iemocap'; one of: mer2023, cmumosi, meld, synthetic, table, .*"
    ):
        corpora.corpus_info("iemocap")
