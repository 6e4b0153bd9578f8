"""What config.json says of a training: made for a new workdir, checked in one that goes on."""

import importlib.metadata
import json
import logging
import pathlib
from typing import Any

import jax
from ml_collections import ConfigDict

from mer_jax import config as config_lib
from mer_jax import environment, paths
from mer_jax.corpora import tasks
from mer_jax.data import rows as rows_lib
from mer_jax.data.arrays import Corpus
from mer_jax.errors import InputError
from mer_jax.task import TRAIN
from mer_jax.training import devices, feed, measure
from mer_jax.training import plan as plan_lib
from mer_jax.training.plan import Plan
from mer_jax.workdir import Workdir, read_record, recorded_devices

LOG = logging.getLogger("mer_jax")
_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "tensorflow-datasets")


def of(
    grid_plan: Plan,
    corpus: Corpus,
    groups: plan_lib.Groups,
    workdir: Workdir,
    repeated: pathlib.Path | None,
) -> dict[str, Any]:
    """The content of config.json: with what stands there, or made for a workdir that has none."""
    sizes = rows_lib.sizes(corpus.splits[TRAIN].features)
    if workdir.has_config:
        workdir.check_same_data(corpus.fingerprint, sizes)
        record = workdir.record()
        _check_widths(record["chunk"], groups, workdir.config_file, "use another --workdir")
        return {**record, "config": grid_plan.config.to_dict()}
    record = {
        "config": grid_plan.config.to_dict(),
        "chunk": [],  # of each group of runs, in order
        "devices": 1,  # over which each chunk's runs are spread
        "dataset": corpus.fingerprint,
        "task": tasks.kind_of(corpus.task),
        "sizes": sizes,
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "commit": paths.commit(),
        "device": devices.description(),
    }
    if repeated is None:
        count = plan_lib.spread(grid_plan.config, groups, feed.copies(grid_plan))
        record["devices"] = count or jax.local_device_count()
        record["chunk"] = _widths(grid_plan._replace(devices=count), groups, sizes)
    else:
        record["devices"] = recorded_devices(repeated)
        record["chunk"] = _repeated_widths(record, groups, repeated)
    return record


def devices_of(record: dict[str, Any]) -> int:
    """Over how many devices a chunk's runs are spread; 0: all of this process.

    What the record says decides among the cores of a CPU alone: there it decides bits.
    """
    if not environment.cores_are_devices():
        return 0
    return min(record.get("devices", 1), jax.local_device_count())


def _widths(grid_plan: Plan, groups: plan_lib.Groups, sizes: dict[str, int]) -> list[int]:
    frames = rows_lib.longest(grid_plan.samples.features)
    cores = max(grid_plan.devices, 1)
    widths = plan_lib.widths(grid_plan.config, groups, sizes, frames, cores)
    if grid_plan.config.train.chunk == "measure":
        return measure.widths(grid_plan, groups, widths)
    return widths


def _repeated_widths(
    record: dict[str, Any], groups: plan_lib.Groups, repeated: pathlib.Path
) -> list[int]:
    """The widths that an earlier run recorded. Says what else differs and may change bits."""
    theirs = read_record(repeated)
    _check_widths(theirs["chunk"], groups, repeated, "this configuration is not a repetition of it")
    saved = config_lib.check(config_lib.read_saved(repeated))
    differ = config_lib.identity(saved) != config_lib.identity(ConfigDict(record["config"]))
    for key in ("config", "dataset", "sizes", "versions", "commit", "device"):
        # As it would be read back: JSON has no tuples.
        if differ if key == "config" else theirs.get(key) != json.loads(json.dumps(record[key])):
            LOG.warning(
                "%s: %s differs from this training's, so the results may differ", repeated, key
            )
    return theirs["chunk"]


def _check_widths(
    widths: list[int], groups: plan_lib.Groups, path: pathlib.Path, advice: str
) -> None:
    if len(widths) != len(groups) or any(width < 1 for width in widths):
        raise InputError(
            f"{path}: chunk is {widths}, not a width of 1 or more for each of the "
            f"{len(groups)} groups of runs; {advice}"
        )
