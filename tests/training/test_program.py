"""What a compiled program is of: the static part of a trial and the traced one."""

import pytest

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
from mer_jax.errors import InputError
from mer_jax.training import program
from tests.support.configs import changed
from tests.support.runs import static_of


def test_static_and_traced_settings_part():
    config = config_lib.check(changed(model__fusion="attention_release", train__learning_rate=1e-4))
    (trial,) = config_lib.trials(config)
    static = program.static_of(config, trial, ("audio", "text"), MER2023.task)
    assert static.settings == (("layers", (256, 128)),)
    hparams = program.hparams_of(trial)
    assert hparams == program.HParams(
        {"learning_rate": 1e-4, "weight_decay": 1e-5}, {"dropout": 0.3}
    )


def test_unimodal_refuses_two_modalities():
    config = config_lib.check(changed(model__fusion="unimodal"))
    trial = config_lib.trials(config)[0]
    with pytest.raises(InputError, match="takes one modality, the config names audio, text"):
        program.static_of(config, trial, ("audio", "text"), MER2023.task)


def test_parameters_are_counted():
    sizes = {"audio": 6, "video": 4}
    expected = (6 * 8 + 8) + (4 * 8 + 8) + (8 + 2) + (8 * 6 + 6) + (8 + 1)
    assert program.count_parameters(static_of(hidden=8), sizes) == expected
