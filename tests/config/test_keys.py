"""The registry of keys: what each is, and which of them identify a training."""

from typing import ClassVar

import pytest

from mer_jax import config as config_lib
from mer_jax.errors import InputError
from mer_jax.models.fusion import FUSIONS
from mer_jax.settings import POSITIVE, Setting
from tests.support.configs import changed


def test_which_keys_identify_a_training():
    ours = config_lib.identity(config_lib.check(changed()))
    all_keys = config_lib.declared().keys()
    of_fusions = FUSIONS.settings().keys() - {s.key for s in FUSIONS["attention"].SETTINGS}
    free = {key for key in all_keys - ours.keys() if not key.startswith(("data.", "evaluate."))}
    assert free - of_fusions == {
        "features.all", "report", "search.repeats", "select.eta", "table.aliases", "table.metrics",
        "train.checkpoint_seconds", "train.segment", "train.tensorboard",
    }  # fmt: skip
    assert "model.layers" in of_fusions <= free
    assert {"data.tfds_dir", "data.device_bytes", "evaluate.bootstrap"} <= all_keys - ours.keys()
    assert {"data.root", "data.corpus", "train.epochs", "model.hidden", "seed"} <= ours.keys()
    # With a pool the memory decides whether its clips stay, and which of them an epoch sees.
    semi = config_lib.identity(config_lib.check(changed(semi__method="fixmatch")))
    assert semi.keys() - ours.keys() == {"data.device_bytes"}


def test_settings_of_other_fusions_identify_none():
    def identity(**changes):
        return config_lib.identity(config_lib.check(changed(**changes)))

    both = ("attention", "attention_release")
    assert identity(model__layers="8") == identity(model__layers="4")
    for ours in ("attention_release", both):
        of = {"model__fusion": ours}
        assert identity(model__layers="8", **of) != identity(model__layers="4", **of)
    assert identity(model__hidden=8) != identity(model__hidden=4)
    rows = {"table__rows": ("audio HuBERT-large",)}
    assert identity(model__layers="8", **rows) != identity(model__layers="4", **rows)


def test_a_setting_called_as_a_key_is_refused(monkeypatch):
    class Clashing(FUSIONS["concat"]):
        SETTINGS: ClassVar = (
            *FUSIONS["concat"].SETTINGS,
            Setting("epochs", 3.0, POSITIVE, "of its own", traced=True, part="train"),
        )

    monkeypatch.setitem(FUSIONS, "clashing", Clashing)
    with pytest.raises(InputError, match=r"^train\.epochs is declared twice: .* choose another"):
        config_lib.declared()
