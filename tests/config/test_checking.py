"""What is checked of a config, and what is said of mistakes."""

import pytest
from ml_collections import ConfigDict, config_dict

from mer_jax import config as config_lib
from mer_jax.config import checking, keys
from mer_jax.errors import InputError
from tests.support.configs import changed


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("256,128", "256,128"),
        ((256, 128), "256,128"),  # how the command line reads 256,128
        (256, "256"),
        (("256,128", "64"), ("256,128", "64")),
        (("256, 128",), "256,128"),
    ],
)
def test_layers_are_stacks_of_widths(given, normal):
    assert config_lib.check(changed(model__layers=given)).model.layers == normal


def test_a_tuple_of_one_is_a_grid_of_one():
    config = config_lib.check(changed(model__hidden=(64,), train__dropout=0))
    assert config.model.hidden == 64
    assert config.train.dropout == 0.0
    assert isinstance(config.train.dropout, float)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model__fusion": "atention"}, "unknown fusion 'atention'; one of: unimodal, attention"),
        ({"data__corpus": "mosi"}, "unknown corpus 'mosi'; one of: mer2023, cmumosi"),
        ({"model__hidden": "large"}, "config.model.hidden: 'large' is not a whole number"),
        ({"model__hidden": (128, "256")}, "config.model.hidden: '256' is not a whole number"),
        ({"model__hidden": 12.5}, "config.model.hidden: 12.5 is not a whole number"),
        ({"model__hidden": True}, "config.model.hidden: True is not a whole number"),
        ({"model__hidden": (64, 64)}, "lists a value twice"),
        ({"model__hidden": ()}, "is empty"),
        ({"model__layers": "256,x"}, "is not a list of widths"),
        ({"model__layers": "0"}, "is not a list of widths"),
        ({"train__learning_rate": -1e-3}, "must be greater than 0"),
        ({"train__learning_rate": float("nan")}, "is not finite"),
        ({"train__dropout": 1.0}, "must be in [0, 1)"),
        ({"train__epochs": 0}, "config.train.epochs: 0 must be 1 or more"),
        ({"train__chunk": "many"}, 'is not "auto", "measure" or a number above 0'),
        ({"folds": 1}, "config.folds: 1 must be 2 or more"),
        ({"seed": 1 << 32}, "config.seed: 4294967296 must be from 0 to 2**32 - 1"),
        ({"data__zero_valence": "keep"}, "one of: positive, negative, drop"),
    ],
)
def test_wrong_values_are_told(change, sentence):
    with pytest.raises(InputError, match=r"config\.") as error:
        config_lib.check(changed(**change))
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("train.lr", "train.learning_rate"),
        ("LR", "train.learning_rate"),
        ("bs", "train.batch_size"),
        ("train.wd", "train.weight_decay"),
        ("train.num_epochs", "train.epochs"),
        ("train.dropout_rate", "train.dropout"),
        ("model.hidden_dim", "model.hidden"),
        ("n_folds", "folds"),
        ("seeds", "seed"),
        ("model.dropout", "train.dropout"),  # in another part
        ("data.coprus", "data.corpus"),  # misspelt
        ("data.dataset", "data.corpus"),
        ("semi.lambda_u", "semi.weight"),
        ("semi.tau", "semi.threshold"),
    ],
)
def test_what_the_field_calls_a_key_names_ours(written, meant):
    sentence = f"unknown key config.{written}; did you mean config.{meant}?"
    assert config_lib.unknown_key(written) == sentence


def test_a_key_like_no_other_lists_all():
    assert config_lib.unknown_key("zzz").startswith("unknown key config.zzz; known: seed, folds, ")


def test_every_alias_is_of_a_key():
    assert checking._ALSO_CALLED.keys() <= config_lib.declared().keys()
    every = [name for names in checking._ALSO_CALLED.values() for name in names]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize(
    ("part", "absent"), [("data", "data"), ("data.synthetic", "data.synthetic"), ("seed", "seed")]
)
def test_a_config_without_a_part_is_told(part, absent):
    config = changed()
    *around, last = part.split(".")
    inside = config[around[0]] if around else config
    with inside.unlocked():
        del inside[last]
    with pytest.raises(InputError, match=rf"^config\.{absent} is missing; start from the get_con"):
        config_lib.check(config)


def test_a_part_that_is_none_and_a_placeholder_are_told():
    config = ConfigDict({**changed().to_dict(), "data": 3})
    with pytest.raises(InputError, match=r"config\.data is 3 instead of a ConfigDict of: data\.co"):
        config_lib.check(config)
    config = changed()
    with config.ignore_type():
        config.data.root = config_dict.required_placeholder(str)
    with pytest.raises(InputError, match=r"^config\.data\.root has no value; give it one in"):
        config_lib.check_keys(config)


def test_a_key_of_one_place_alone_is_told(monkeypatch):
    known = keys.declared()
    del known["train.epochs"]
    monkeypatch.setattr(checking, "declared", lambda: known)
    with pytest.raises(InputError, match=r"train\.epochs is not declared in mer_jax/config/keys"):
        config_lib.check(changed())


def test_a_misspelt_key_names_the_nearest():
    assert config_lib.unknown_key("model.hiden").endswith("did you mean config.model.hidden?")
    config = changed()
    with config.unlocked():
        config.train.epoch = 3
    with pytest.raises(InputError, match=r"did you mean config\.train\.epochs\?"):
        config_lib.check(config)


def test_paths_are_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config_lib.check(changed(data__root="here")).data.root == str(tmp_path / "here")
    assert config_lib.check(changed()).data.root == ""


def test_what_is_no_key_says_what_to_use_instead():
    for key in ("train.gpu", "device", "data.num-gpus"):
        assert "JAX_PLATFORMS and CUDA_VISIBLE_DEVICES" in config_lib.unknown_key(key)
    for key in ("train.patience", "train.early_stopping"):
        assert "trains for config.train.epochs and keeps its best" in config_lib.unknown_key(key)
