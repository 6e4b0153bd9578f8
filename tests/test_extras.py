"""Packages of the extras that are missing: one sentence with the command."""

import sys

import pytest

from mer_jax import extras
from mer_jax.errors import InputError


def test_a_missing_package_is_a_sentence_with_its_command(monkeypatch, tmp_path):
    with pytest.raises(InputError) as refused:
        extras.load("no_such_package.part", "extract", "reading a video")
    assert str(refused.value) == (
        "reading a video needs no_such_package.part: pip install 'mer_jax[extract]'"
    )
    (tmp_path / "broken_package.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"broken_package, which cannot be imported \(No module"):
        extras.load("broken_package", "extract", "reading a video")
    sys.modules.pop("broken_package", None)
    assert extras.load("json", "extract", "reading a video").dumps([]) == "[]"
