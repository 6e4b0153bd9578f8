"""The corpora that are known: their splits, and how their names tell videos and dialogues apart."""

import pytest

from mer_jax import corpora
from mer_jax.errors import InputError
from tests.support.configs import changed


def test_splits_stand_in_the_order_of_reports():
    assert corpora.MER2023.splits == ("train", "mer_multi", "mer_noise", "mer_semi", "unlabelled")
    assert corpora.CMUMOSI.splits == corpora.MELD.splits == ("train", "val", "test")


def test_names_tell_videos_and_dialogues():
    # YouTube's identifiers hold underscores of their own.
    assert corpora.CMUMOSI.group("_dI--eQ6qVU_12") == "_dI--eQ6qVU"
    assert corpora.MELD.group("dia12_utt3") == "dia12"
    assert corpora.MER2023.group is None


def test_a_config_chooses_the_metric_of_its_corpus():
    config = changed(data__corpus="cmumosi", train__selection="sign_f1")
    assert corpora.info_of(config).task.selection == "sign_f1"
    config.train.selection = ""
    assert corpora.info_of(config) == corpora.CMUMOSI
    config = changed(data__corpus="meld", train__selection="sign_f1")
    with pytest.raises(
        InputError, match="'sign_f1' is not a metric of this task; one of: dis, acc"
    ):
        corpora.info_of(config)


def test_an_unknown_corpus_names_those_there_are():
    with pytest.raises(
        InputError, match=r"corpus 'iemocap'; one of: mer2023, cmumosi, meld, synthetic$"
    ):
        corpora.corpus_info("iemocap")
