"""Configurations: the grid's trials, the checks, and what they say of mistakes."""

import json
from typing import ClassVar

import pytest
from ml_collections import ConfigDict, config_dict

from mer_jax import config as config_lib
from mer_jax.config import checking, keys
from mer_jax.errors import InputError
from mer_jax.models.fusion import FUSIONS
from mer_jax.settings import POSITIVE, SHARE, Setting
from mer_jax.training import program
from tests.support.configs import changed


def test_the_defaults_are_the_papers():
    config = config_lib.check(changed())
    assert config.model.fusion == "attention"
    assert config.model.hidden == (128, 256)
    assert config.train.learning_rate == (1e-3, 1e-4, 1e-5)
    assert (config.train.epochs, config.train.batch_size) == (100, 32)
    assert (config.train.dropout, config.train.weight_decay) == (0.3, 1e-5)
    assert (config.folds, config.repeats) == (5, 3)


def test_the_grid_is_the_product_of_the_tuples():
    trials = config_lib.trials(config_lib.check(changed()))
    pairs = [(t["model.hidden"], t["train.learning_rate"]) for t in trials]
    assert pairs == [(h, r) for h in (128, 256) for r in (1e-3, 1e-4, 1e-5)]
    assert config_lib.varied(trials) == ["model.hidden", "train.learning_rate"]


def test_a_setting_that_the_fusion_has_no_use_for_makes_no_trials():
    trials = config_lib.trials(config_lib.check(changed(model__fusion="attention_release")))
    assert len(trials) == 3
    assert all("model.hidden" not in trial for trial in trials)
    assert {trial["model.layers"] for trial in trials} == {"256,128"}


def test_fusions_side_by_side_each_have_their_own_settings():
    config = changed(model__fusion=("attention", "mlp_release"), train__learning_rate=1e-3)
    trials = config_lib.trials(config_lib.check(config))
    assert [t["model.fusion"] for t in trials] == ["attention", "attention", "mlp_release"]
    assert config_lib.varied(trials) == ["model.fusion", "model.hidden", "model.layers"]


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


def test_which_keys_identify_a_training():
    ours = config_lib.identity(config_lib.check(changed()))
    all_keys = config_lib.declared().keys()
    free = {key for key in all_keys - ours.keys() if not key.startswith(("data.", "evaluate."))}
    assert free == {
        "features.all", "report", "select.eta", "table.aliases", "table.metrics",
        "train.checkpoint_seconds", "train.segment", "train.tensorboard",
    }  # fmt: skip
    assert {"data.tfds_dir", "data.device_bytes", "evaluate.bootstrap"} <= all_keys - ours.keys()
    assert {"data.root", "data.corpus", "train.epochs", "model.hidden", "seed"} <= ours.keys()
    # With a pool the memory decides whether its clips stay, and which of them an epoch sees.
    semi = config_lib.identity(config_lib.check(changed(semi__method="fixmatch")))
    assert semi.keys() - ours.keys() == {"data.device_bytes"}


def test_settings_of_semi_never_reach_a_fusion(monkeypatch):
    """A fusion with a setting called as one of semi's: both are keys, and each has its own."""

    class Weighted(FUSIONS["concat"]):
        SETTINGS: ClassVar = (
            *FUSIONS["concat"].SETTINGS,
            Setting("momentum", 0.5, SHARE, "of its own average", traced=True),
        )

    monkeypatch.setitem(FUSIONS, "weighted", Weighted)
    config = changed(model__fusion="weighted", model__hidden=8, train__learning_rate=1e-3)
    config.semi.momentum = (0.9, 0.99)
    (trial,) = config_lib.trials(config_lib.check(config))
    assert trial["model.momentum"] == 0.5
    assert not any(key.startswith("semi.") for key in trial)
    assert program.hparams_of(trial).model == {"dropout": 0.3, "momentum": 0.5}
    config.model.momentum = (0.1, 0.2)
    trials = config_lib.trials(config_lib.check(config))
    assert config_lib.varied(trials) == ["model.momentum"]
    config.model.momentum = 1.5
    with pytest.raises(InputError, match=r"config\.model\.momentum: 1\.5 must be in \[0, 1\]"):
        config_lib.check(config)


def test_a_setting_called_as_a_key_is_refused(monkeypatch):
    class Clashing(FUSIONS["concat"]):
        SETTINGS: ClassVar = (
            *FUSIONS["concat"].SETTINGS,
            Setting("epochs", 3.0, POSITIVE, "of its own", traced=True, part="train"),
        )

    monkeypatch.setitem(FUSIONS, "clashing", Clashing)
    with pytest.raises(InputError, match=r"^train\.epochs is declared twice: .* choose another"):
        config_lib.declared()


def test_a_misspelt_key_names_the_nearest():
    assert config_lib.unknown_key("model.hiden").endswith("did you mean config.model.hidden?")
    config = changed()
    with config.unlocked():
        config.train.epoch = 3
    with pytest.raises(InputError, match=r"did you mean config\.train\.epochs\?"):
        config_lib.check(config)


def test_config_json_gives_back_the_config(tmp_path):
    config = config_lib.check(changed(model__hidden=(64, 32), data__root=str(tmp_path)))
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"config": config.to_dict()}))
    again = config_lib.check(config_lib.read_saved(path))
    assert config_lib.flatten(again) == config_lib.flatten(config)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"config": 3}', '{"config": {"x": 1}}', '{"config": {"seed": "a"}}'],
)
def test_a_damaged_config_json_is_told(tmp_path, content):
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(InputError, match="config"):
        config_lib.read_saved(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "AttributeError: module 'mer_jax_config_file' has no attribute 'get_config'"),
        ("def get_config(:", r"SyntaxError: invalid syntax \(mine\.py, line 1\)"),
        ("import nopackage", "ModuleNotFoundError: No module named 'nopackage'"),
        ("def get_config(): raise ValueError('two\\nlines')", "ValueError: two"),
        ("def get_config(): raise OSError('gone')", "OSError: gone"),
        ("def get_config(): raise SystemExit(3)", "SystemExit: 3"),
        ("def get_config(path): return path", "TypeError: .* missing 1 required .* 'path'"),
        ("def get_config(): return {'seed': 1}", "gives a dict instead of a ConfigDict; start fr"),
        ("def get_config(): return [1]", "gives a list instead of a ConfigDict"),
        ("def get_config(): pass", "gives a NoneType instead of a ConfigDict"),
    ],
)
def test_a_config_file_that_gives_no_config(tmp_path, content, sentence):
    path = tmp_path / "mine.py"
    path.write_text(content)
    with pytest.raises(InputError, match=rf"mine\.py: .*{sentence}") as refusal:
        config_lib.load_file(str(path))
    assert "\n" not in str(refusal.value)


def test_a_config_file_that_is_none(tmp_path):
    (tmp_path / "notes.md").write_text("# notes")
    for path in (tmp_path, tmp_path / "absent.py", tmp_path / "notes.md", ""):
        with pytest.raises(InputError, match=r"--config=.*: no such Python file; .* has: base\.py"):
            config_lib.load_file(str(path))


def test_what_follows_the_colon_goes_to_the_config_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from ml_collections import ConfigDict as get_config")
    assert config_lib.load_file(str(path)) == ConfigDict()
    path.write_text(
        "from ml_collections import ConfigDict\n"
        "def get_config(text):\n    return ConfigDict({'text': text})\n"
    )
    assert config_lib.load_file(f"{path}:a:b").text == "a:b"
    with pytest.raises(InputError, match=r"absent: not a config\.json"):
        config_lib.load_file(f"{config_lib.CONFIGS / 'saved.py'}:{tmp_path / 'absent'}")


def test_paths_are_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config_lib.check(changed(data__root="here")).data.root == str(tmp_path / "here")
    assert config_lib.check(changed()).data.root == ""
