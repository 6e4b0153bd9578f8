"""The package's own files are found by their names."""

import subprocess
import sys

from mer_jax import paths


def test_a_config_is_named_by_its_file_or_without_its_suffix(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart").mkdir()
    for name in ("quickstart", str(paths.CONFIGS / "quickstart.py")):
        assert paths.config_file(name) == paths.CONFIGS / "quickstart.py"
    (tmp_path / "mine.py").touch()
    assert paths.config_file("mine.py").samefile(tmp_path / "mine.py")
    (tmp_path / "text.txt").touch()
    for name in ("", ".", "mine", "text.txt", "nothing", str(tmp_path)):
        assert paths.config_file(name) is None, name


def test_config_files_find_their_base_beside_another_package_called_configs(tmp_path):
    """Those of the other package are found too."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "__init__.py").touch()
    (tmp_path / "configs" / "mine.py").write_text("from configs import base")
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(paths.ROOT)!r}]\n"
        "from mer_jax import paths; paths.make_configs_importable()\n"
        "from configs import mine; print(mine.base.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == str(paths.CONFIGS / "base.py"), done.stderr
