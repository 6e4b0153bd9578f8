"""The defaults, and configs that come from a file."""

import pytest
from ml_collections import ConfigDict

from mer_jax import config as config_lib
from mer_jax.errors import InputError
from tests.support.configs import changed


def test_the_defaults_are_the_papers():
    config = config_lib.check(changed())
    assert config.model.fusion == "attention"
    assert config.model.hidden == (128, 256)
    assert config.train.learning_rate == (1e-3, 1e-4, 1e-5)
    assert (config.train.epochs, config.train.batch_size) == (100, 32)
    assert (config.train.dropout, config.train.weight_decay) == (0.3, 1e-5)
    assert (config.folds, config.repeats) == (5, 3)


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
