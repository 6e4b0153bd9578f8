"""Declarations of settings: what is read, and which declarations are refused."""

import dataclasses

import pytest

from mer_jax.errors import InputError
from mer_jax.settings import (
    AT_LEAST_1,
    BELOW_1,
    NUMBER,
    POSITIVE,
    WHOLE,
    WIDTHS,
    Choices,
    Registry,
    Setting,
    read_axis,
    static,
    traced,
)

HEADS = Setting("heads", (1, 4), AT_LEAST_1, "heads of attention")
RATE = Setting("rate", 0.3, BELOW_1, "of dropout", traced=True, part="train")


@pytest.mark.parametrize(
    ("value", "kind", "allowed", "normal"),
    [
        (3, WHOLE, AT_LEAST_1, 3),
        ((3,), WHOLE, AT_LEAST_1, 3),
        ([3, 1], WHOLE, AT_LEAST_1, (3, 1)),
        ((1, 0.5), NUMBER, POSITIVE, (1.0, 0.5)),
        ((64, 32), WIDTHS, None, "64,32"),  # one stack, as a command line gives it
        (("64, 32", "8"), WIDTHS, None, ("64,32", "8")),
    ],
)
def test_values_are_read(value, kind, allowed, normal):
    read = read_axis(value, kind, allowed, "config.x")
    assert read == normal
    assert type(read) is type(normal)


@pytest.mark.parametrize(
    ("value", "kind", "allowed", "sentence"),
    [
        (True, WHOLE, None, "config.x: True is not a whole number"),
        ((3, 3), WHOLE, None, "config.x: (3, 3) is empty or lists a value twice"),
        ((1, 0), WHOLE, AT_LEAST_1, "config.x: 0 must be 1 or more"),
        (float("inf"), NUMBER, POSITIVE, "config.x: inf is not finite"),
        ("b", Setting("k", "a", doc="d").kind, Choices(("a",)), "unknown x 'b'; one of: a"),
        ("8,0", WIDTHS, None, "config.x: '8,0' is not a list of widths such as \"256,128\""),
    ],
)
def test_wrong_values_are_told(value, kind, allowed, sentence):
    with pytest.raises(InputError) as told:
        read_axis(value, kind, allowed, "config.x")
    assert sentence in str(told.value)


@pytest.mark.parametrize(
    ("declaration", "sentence"),
    [
        (("a b", 1, None, "d"), "the setting 'a b': its name is not a Python identifier"),
        (("a", None, None, "d"), "model.a: the default None is of an unknown kind; known: a whole"),
        (("a", (), None, "d"), "model.a: the default () is of an unknown kind"),
        (("a", 0, AT_LEAST_1, "d"), "the setting model.a: the default: 0 must be 1 or more"),
        (("a", (1, 1), None, "d"), "the default: (1, 1) is empty or lists a value twice"),
        (("a", (1, 2.5), None, "d"), "the default: 2.5 is not a whole number"),
        (("a", "x", Choices(("y",)), "d"), "unknown a: the default 'x'; one of: y"),
        (("a", 1, None, ""), "the setting model.a: doc must say in one line what it does"),
    ],
)
def test_a_setting_that_contradicts_itself_is_refused(declaration, sentence):
    with pytest.raises(InputError) as told:
        Setting(*declaration)
    assert sentence in str(told.value)


def test_only_numbers_can_be_traced():
    with pytest.raises(InputError, match=r"model\.a: it is a name, and only numbers can be traced"):
        Setting("a", "x", doc="d", traced=True)


def test_static_and_traced_part():
    assert (static((HEADS, RATE)), traced((HEADS, RATE))) == (("heads",), ("rate",))
    assert (HEADS.key, RATE.key) == ("model.heads", "train.rate")


@dataclasses.dataclass
class Model:
    heads: int
    SETTINGS = (HEADS, RATE)


def own_fields(model):
    return {field.name for field in dataclasses.fields(model)}


def registry(**entries):
    return Registry("model", ("model", "train"), entries, own_fields)


def model_with(*settings):
    return dataclasses.dataclass(type("Other", (), {"SETTINGS": settings}))


def test_the_settings_of_a_registry_are_those_of_its_entries():
    alike = Setting("heads", (1, 4), AT_LEAST_1, "heads of attention")
    other = dataclasses.make_dataclass("Other", ["heads"], namespace={"SETTINGS": (alike,)})
    found = registry(a=Model, b=other)
    assert found.settings() == {"model.heads": HEADS, "train.rate": RATE}


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (model_with(), None),
        (object, "model 'other': SETTINGS must be a tuple of mer_jax.settings.Setting"),
        (model_with("heads"), "SETTINGS must be a tuple of mer_jax.settings.Setting"),
        (model_with(RATE, RATE), "model 'other': SETTINGS lists rate twice"),
        (model_with(HEADS), "heads is a static Setting without a field of its name"),
        (
            dataclasses.make_dataclass("Deep", ["depth"], namespace={"SETTINGS": (RATE,)}),
            "depth is a field without a static Setting of its name",
        ),
        (
            model_with(Setting("rate", 0.5, BELOW_1, "of noise", traced=True, part="train")),
            "model 'other': train.rate is declared differently by 'model'; share its Setting or",
        ),
        (
            model_with(Setting("rate", 0.5, doc="d", traced=True, part="semi")),
            "model 'other': semi.rate must lie in model or train, by `part`",
        ),
    ],
)
def test_a_misdeclared_entry_is_refused_when_it_is_entered(entry, sentence):
    found = registry(model=Model)
    if sentence is None:
        found["other"] = entry
        assert list(found) == ["model", "other"]
        return
    with pytest.raises(InputError) as told:
        found["other"] = entry
    assert sentence in str(told.value)
    assert list(found) == ["model"]
