"""What models and the training loop load: neither TensorFlow Datasets nor orbax."""

import subprocess
import sys

_HEAVY = ("tensorflow_datasets", "orbax")
_LIGHT = (
    "mer_jax.metrics",
    "mer_jax.models.multitask",
    "mer_jax.semi.step",
    "mer_jax.training.losses",
    "mer_jax.training.optimizer",
    "mer_jax.training.loop",
    "mer_jax.training.division",
    "mer_jax.training.plan",
)


def test_the_loop_loads_nothing_heavy():
    """One process for all: what one of them loads, the last one's check would see."""
    script = (
        "import importlib, sys\n"
        f"for name in {_LIGHT!r}:\n"
        "    importlib.import_module(name)\n"
        f"    found = [heavy for heavy in {_HEAVY!r} if heavy in sys.modules]\n"
        "    assert not found, f'{name} loads {found}'\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
