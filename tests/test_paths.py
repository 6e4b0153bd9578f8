"""Paths: the package's own files, and what a user gives."""

import os
import pathlib
import subprocess
import sys

import pytest

from mer_jax import paths
from mer_jax.errors import InputError


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


NAMES = ["plain", "a[1]", "a*?{}", "a#b%20", " a b ", "-dash", "dot.", "back\\slash", "情感"]


@pytest.mark.parametrize("name", NAMES)
def test_any_printable_name_is_taken(name):
    assert paths.of_user(f"/x/{name}", "--workdir") == pathlib.Path("/x") / name
    assert paths.of_user("~/x", "--workdir") == pathlib.Path.home() / "x"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gs://bucket/x", "'gs://bucket/x' is an address, and only folders and files of this"),
        ("s3://bucket", "'s3://bucket' is an address"),
        ("hf://a/b", "mount the hf storage, or copy what is there"),
        ("a\nb", r"holds the control character '\n'; rename it"),
        (os.fsdecode(b"a\xffb"), r"'a\udcffb' is not UTF-8; rename it"),
        ("x" * 200, "a name in it is longer than 195 bytes"),
        ("情" * 66, "a name in it is longer than 195 bytes"),
        ("~nobody-of-this-name/x", "no such user's home folder is known"),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(name, sentence):
    with pytest.raises(InputError) as refusal:
        paths.of_user(name, "--workdir")
    assert str(refusal.value).startswith("--workdir: ")
    assert sentence in str(refusal.value)


def test_a_file_to_write(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "labels.csv").touch()
    (tmp_path / "link.csv").symlink_to("labels.csv")
    read = {"--labels": tmp_path / "labels.csv", "--other": tmp_path / "absent"}
    for right in ("new.csv", "folder/new.csv", "absent/new.csv"):
        paths.file_to_write(tmp_path / right, "--out", read)
    for wrong, sentence in {
        "folder": "is a folder; name a file in it",
        "labels.csv": "is what --labels reads; name another file",
        "link.csv": "is what --labels reads; name another file",
        "labels.csv/new.csv": "labels.csv is a file, and ",
    }.items():
        with pytest.raises(InputError) as refusal:
            paths.file_to_write(tmp_path / wrong, "--out", read)
        assert str(refusal.value).startswith("--out: ")
        assert sentence in str(refusal.value)


def test_a_folder_to_write(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "labels.csv").touch()
    read = {"--labels": tmp_path / "labels.csv"}
    for right in ("new", "folder", "absent/new"):
        paths.folder_to_write(tmp_path / right, "--out", ["a.csv"], read)
    with pytest.raises(InputError, match=r"labels\.csv is a file; name a folder, which need not"):
        paths.folder_to_write(tmp_path / "labels.csv", "--out", ["a.csv"], read)
    with pytest.raises(InputError, match=r"is what --labels reads"):
        paths.folder_to_write(tmp_path, "--out", ["a.csv", "labels.csv"], read)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(InputError, match=r"--out: this user may not write in .*folder$"):
        paths.folder_to_write(tmp_path / "folder", "--out", ["a.csv"], read)


def test_what_a_training_needs_is_not_written_over(tmp_path):
    kept = [tmp_path / "config.json", tmp_path / "checkpoints"]
    (tmp_path / "link.csv").symlink_to(kept[0])
    for name in ("config.json", "checkpoints/x.csv", "sub/../config.json", "link.csv"):
        with pytest.raises(InputError, match=r"--out: .* would replace what the training and its"):
            paths.outside(tmp_path / name, "--out", kept)
    paths.outside(tmp_path / "checkpoints.csv", "--out", kept)
    paths.outside(tmp_path / "predict.csv", "--out", kept)


def test_a_workdir_is_a_folder_or_not_there_yet(tmp_path):
    assert paths.workdir(str(tmp_path / "new" / "run")) == tmp_path / "new" / "run"
    assert paths.workdir(str(tmp_path)) == tmp_path
    (tmp_path / "file").write_text("")
    (tmp_path / "gone").symlink_to(tmp_path / "disk")
    (tmp_path / "link").symlink_to(tmp_path)
    assert paths.workdir(str(tmp_path / "link" / "run")) == tmp_path / "link" / "run"
    for name, said in (
        ("file", "/file is a file; name a folder"),
        ("file/run", "/file is a file; name a folder"),
        ("gone", f"/gone is a link to {tmp_path}/disk, which is not there"),
        ("gone/run", f"/gone is a link to {tmp_path}/disk, which is not there"),
    ):
        with pytest.raises(InputError) as refusal:
            paths.workdir(str(tmp_path / name))
        assert str(refusal.value).startswith(f"--workdir: {tmp_path}{said}")
