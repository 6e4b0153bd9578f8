"""The fusion algorithms in PyTorch (benchmarks/torch_zoo.py): a reference without golden files."""

import importlib.util
import pathlib
import sys

import pytest

PATH = pathlib.Path(__file__).resolve().parents[2] / "benchmarks" / "torch_zoo.py"


def load():
    """The module; skips the test where torch is not installed."""
    pytest.importorskip("torch", reason="the reference models need torch")
    if "torch_zoo" not in sys.modules:
        spec = importlib.util.spec_from_file_location("torch_zoo", PATH)
        module = sys.modules["torch_zoo"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["torch_zoo"]
