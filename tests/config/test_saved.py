"""The config of an earlier training, read back from its config.json."""

import json

import pytest

from mer_jax import config as config_lib
from mer_jax.errors import InputError
from tests.support.configs import changed


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
