"""What importing a module loads."""

import json
import subprocess
import sys

# What describes data and what is compiled. Each is imported without reading a corpus.
_LIGHT = (
    "mer_jax.task",
    "mer_jax.corpora",
    "mer_jax.data.arrays",
    "mer_jax.data.folds",
    "mer_jax.data.views",
    "mer_jax.metrics",
    "mer_jax.models.multitask",
    "mer_jax.semi.step",
    "mer_jax.training.losses",
    "mer_jax.training.optimizer",
    "mer_jax.training.loop",
    "mer_jax.training.division",
    "mer_jax.training.plan",
    # A training that finds its datasets built, up to its first epoch.
    "mer_jax.data.corpus",
    "mer_jax.experiment",
)
_HEAVY = ("tensorflow_datasets", "orbax", "tensorflow", "matplotlib")


def _loaded(modules) -> dict[str, list[str]]:
    """The top-level packages that are loaded once each of `modules` is, in that order."""
    program = (
        "import importlib, json, sys\n"
        "found = {}\n"
        f"for name in {list(modules)!r}:\n"
        "    importlib.import_module(name)\n"
        "    found[name] = sorted({module.partition('.')[0] for module in sys.modules})\n"
        "print(json.dumps(found))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    return json.loads(done.stdout)


def test_until_the_first_epoch_nothing_loads_tfds_orbax_or_matplotlib():
    loaded = _loaded(_LIGHT)
    assert {name: set(_HEAVY) & set(packages) for name, packages in loaded.items()} == {
        name: set() for name in _LIGHT
    }
    for name in ("mer_jax.task", "mer_jax.corpora", "mer_jax.data.arrays"):
        assert "jax" not in loaded[name], name
