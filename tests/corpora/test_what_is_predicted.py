"""What is predicted: by the corpus, the config, the labels of train, and the record of a run."""

import pytest

from mer_jax import corpora
from mer_jax.corpora import tasks
from mer_jax.errors import InputError
from tests.support.configs import changed


def test_a_config_chooses_the_metric_of_its_corpus():
    config = changed(data__corpus="cmumosi", train__selection="sign_f1")
    assert tasks.task_of(corpora.CMUMOSI, config).selection == "sign_f1"
    config.train.selection = ""
    assert tasks.task_of(corpora.CMUMOSI, config) == corpora.CMUMOSI.task
    config = changed(data__corpus="meld", train__selection="sign_f1")
    with pytest.raises(
        InputError, match="'sign_f1' is not a metric of this task; one of: dis, acc"
    ):
        tasks.task_of(corpora.MELD, config)


@pytest.mark.parametrize(
    ("kind", "classes", "valence_range", "selection"),
    [
        ("auto", 6, (-5.0, 5.0), "com"),
        ("both", 6, (-5.0, 5.0), "com"),
        ("emotion", 6, None, "dis"),
        ("valence", 0, (-5.0, 5.0), "dim"),
    ],
)
def test_the_config_narrows_what_a_corpus_has(kind, classes, valence_range, selection):
    task = tasks.task_of(corpora.MER2023, changed(data__task=kind))
    assert (len(task.classes), task.valence_range) == (classes, valence_range)
    assert task.selection == selection
    assert tasks.kind_of(task) == ("both" if kind == "auto" else kind)


def test_what_a_corpus_lacks_is_refused():
    for kind in ("both", "valence"):
        with pytest.raises(InputError) as refusal:
            tasks.task_of(corpora.MELD, changed(data__corpus="meld", data__task=kind))
        assert str(refusal.value) == (
            f"config.data.task={kind!r}: the corpus meld has emotion alone; use auto"
        )
    assert tasks.task_of(corpora.MELD, changed(data__task="emotion")) == corpora.MELD.task
    config = changed(data__task="emotion", train__selection="dim")
    with pytest.raises(InputError, match="'dim' is not a metric of this task; one of: dis, acc"):
        tasks.task_of(corpora.MER2023, config)


@pytest.mark.parametrize(
    ("asked", "has_emotion", "has_valence", "kind"),
    [
        ("auto", True, True, "auto"),
        ("auto", True, False, "emotion"),
        ("auto", False, True, "valence"),
        ("auto", False, False, "auto"),
        ("both", True, False, "both"),
        ("valence", True, False, "valence"),
        ("emotion", True, True, "emotion"),
    ],
)
def test_labels_decide_where_the_config_does_not(asked, has_emotion, has_valence, kind):
    assert tasks.kind_by_labels(changed(data__task=asked), has_emotion, has_valence) == kind


def test_the_record_decides_and_an_earlier_run_has_all_of_its_corpus():
    info, config = corpora.MER2023, changed()
    assert tasks.recorded(info, config, {"task": "valence"}, "x").classes == ()
    assert tasks.recorded(info, config, {"task": "emotion"}, "x").valence_range is None
    assert tasks.recorded(info, config, {}, "x") == info.task
    with pytest.raises(InputError, match=r"^x: task is 'arousal'; one of: auto, both, emotion"):
        tasks.recorded(info, config, {"task": "arousal"}, "x")
