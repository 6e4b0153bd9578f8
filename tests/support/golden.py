"""Golden files of MERBench's release, and how far a model of ours is from them.

`python -m tests.support.golden FILE...` prints for each file the largest relative differences and
exits with status 1 where one is beyond its tolerance.

A file holds the weights, the input and the targets of one batch, and what the release's program
makes of them: its outputs, the gradient of every parameter, and the losses of five steps of Adam.
"""

import json
import os
import pathlib
import sys
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mer_jax.config.kinds import as_tuple
from mer_jax.data.arrays import Labels
from mer_jax.models import load_torch, multitask
from mer_jax.models.fusion import FUSIONS
from mer_jax.models.groups import groups_of
from mer_jax.models.layers import Batch
from mer_jax.models.load_torch import as_torch
from mer_jax.task import Task
from mer_jax.training import losses, optimizer
from tests.support.variables import drawn

# The checkout's sibling; tests skip where it is not.
FOLDER = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "merbench_golden"
SINGLE, DOUBLE = "float32", "float64"
_NAMES = {"attention": "attention_merbench"}  # ours, where the release calls it otherwise
_INPUTS = {"audios": "audio", "texts": "text", "videos": "video"}
# The release's name of a setting, where ours is another.
_SETTINGS = {"hidden": "hidden_dim", "num_layers": "layers", "kernel_size": "conv1d_kernel_size"}
_CLASSES = "abcdefghijklmnopqrstuvwxyz"
_STEPS = 5
_DRAWS = 4  # of noise in one pass
_TRAINED = "trained"  # the loss that is trained, beside the file's names of outputs


class Tolerance(NamedTuple):
    """The largest relative difference of each kind that passes."""

    outputs: float
    gradients: float
    losses: float


_TOLERANCES = {
    SINGLE: Tolerance(1e-5, 1e-5, 1e-5),
    DOUBLE: Tolerance(1e-12, 1e-11, 1e-11),
}
# Their float32 gradients are sums of terms that nearly cancel: PyTorch's own are as far off.
_LOOSER = {"misa": 1e-4, "mult": 1e-4, "mmim": 1e-4, "mctn": 1e-4}


class Golden(NamedTuple):
    """A golden file."""

    config: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def part(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays whose names begin with a prefix, by the rest of their names."""
        return {k[len(prefix) :]: v for k, v in self.arrays.items() if k.startswith(prefix)}


def read(path: str | os.PathLike[str]) -> Golden:
    """A golden file's arrays and its config."""
    with np.load(path, allow_pickle=False) as held:
        arrays = dict(held)
    return Golden(json.loads(str(arrays.pop("config"))), arrays)


def fusion_of(golden: Golden) -> str:
    """Our name of a golden file's algorithm."""
    name = golden.config["algorithm"]
    return _NAMES.get(name, name)


def is_golden(path: pathlib.Path) -> bool:
    """Whether a file is of a model, and not of what comes before one."""
    with np.load(path, allow_pickle=False) as held:
        return any(name.startswith("param/") for name in held.files)


def differences(golden: Golden, precision: str) -> Tolerance:
    """The largest relative differences of a model of ours from a golden file."""
    with jax.enable_x64(precision == DOUBLE):
        case = _Case(golden, precision)
        return Tolerance(*case.compare())


def tolerance(golden: Golden, precision: str) -> Tolerance:
    """What passes for a golden file."""
    allowed = _TOLERANCES[precision]
    if precision == SINGLE and golden.config["algorithm"] in _LOOSER:
        allowed = allowed._replace(gradients=_LOOSER[golden.config["algorithm"]])
    return allowed


def passes(found: Tolerance, allowed: Tolerance) -> bool:
    """Whether every difference is within its tolerance; NaN is not."""
    return all(a <= b for a, b in zip(found, allowed, strict=True))


class _Case:
    """A model of ours with a golden file's weights, in one precision."""

    def __init__(self, golden: Golden, precision: str):
        self._golden, self._precision = golden, precision
        config = golden.config["config"]
        name = fusion_of(golden)
        self._fusion = FUSIONS[name]
        settings = {s.name: _value(s, config) for s in self._fusion.SETTINGS}
        static = {s.name for s in self._fusion.SETTINGS if not s.traced}
        traced = {n: v for n, v in settings.items() if n not in static}
        self._settings = {n: jnp.asarray(v, precision) for n, v in traced.items()}
        modalities = tuple(_INPUTS.get(key, key) for key in golden.part("input/"))
        task = Task(
            tuple(_CLASSES[: config["output_dim1"]]), (-5.0, 5.0) if config["output_dim2"] else None
        )
        kinds = {s.name: s.kind.build(settings[s.name]) for s in self._fusion.SETTINGS}
        self._static = {n: kinds[n] for n in static}
        self._model = multitask.build(name, self._static, modalities, task)
        self._batch = self._batch_of()
        variables = drawn(self._model, self._batch, self._settings)
        weights = {**golden.part("param/"), **golden.part("frozen/")}
        self._params = load_torch(weights, variables.pop("params"))
        self._rest = variables

    def _batch_of(self) -> Batch:
        features = {
            _INPUTS.get(key, key): jnp.asarray(x, self._precision)
            for key, x in self._golden.part("input/").items()
        }
        masks = {m: jnp.ones(x.shape[:2], bool) for m, x in features.items() if x.ndim == 3}
        rows = len(next(iter(features.values())))
        return Batch(features, masks, jnp.ones(rows, self._precision), self._noise(0))

    def _noise(self, passed: int) -> Any:
        """The noise of a pass: 0 is the output's, then those of the steps."""
        noise = self._golden.part("noise/")
        if not noise:
            return None
        first = _DRAWS * passed
        drawn = [noise[str(i)] for i in range(first, first + _DRAWS)]
        return jnp.asarray(np.stack(drawn), self._precision)

    def _outputs(self, params: Any, batch: Batch) -> tuple[Any, Any, Any]:
        """The model's output, its fused vectors, and the weighted sum of its own losses."""
        output, shown = self._model.apply(
            {"params": params, **self._rest},
            batch,
            self._settings,
            capture_intermediates=lambda module, _: type(module) is self._fusion,
            mutable=["intermediates"],
        )
        (features, _), *_ = shown["intermediates"]["fusion"]["__call__"]
        return output, features, losses.own(output.aux, self._settings)

    def compare(self) -> tuple[float, float, float]:
        """The largest relative differences of outputs, gradients and losses."""
        golden, program = self._golden, self._program()
        gradient, found = program(self._params, self._noise(0), (1.0, 0.0))
        expected = {k: v for k, v in golden.part("output/").items() if v.size}
        of_outputs = _largest(found, expected)
        expected = {**golden.part("grad/"), **golden.part("grad_frozen/")}
        expected = {k: v for k, v in expected.items() if v.size}
        floor = 1e-6 * max(np.nanmax(np.abs(x), initial=0) for x in expected.values())
        of_gradients = _largest(as_torch(gradient), expected, floor)
        of_losses = _relative(self._losses(program), golden.arrays["steps/losses"])
        return of_outputs, of_gradients, of_losses

    def _program(self) -> Any:
        """Parameters, noise and two weights to a gradient and what it is the gradient of, by name.

        The weights are those of the file's sum of squares and of the loss that is trained: one
        program for both, since compiling is most of a comparison's time.
        """
        golden = self._golden
        emotion, valence = golden.arrays["target/emos"], golden.arrays["target/vals"]
        known = np.ones(len(emotion), bool)
        labels = Labels(
            jnp.asarray(emotion, jnp.int32), known, jnp.asarray(valence, self._precision), known
        )

        def weighted(params: Any, noise: Any, weights: tuple[Any, Any]) -> Any:
            batch = self._batch._replace(noise=noise)
            output, features, own = self._outputs(params, batch)
            named = {"features": features, "interloss": own}
            squares = (features**2).sum() + own
            if output.emotion is not None:
                named["emos_out"] = output.emotion
                squares += (output.emotion**2).sum()
            if output.valence is not None:
                named["vals_out"] = output.valence[:, None]
                squares += (output.valence**2).sum()
            trained = losses.supervised(output, labels, batch.row_weight, self._settings)
            total = weights[0] * squares + weights[1] * trained
            return total, {**named, "loss": squares, _TRAINED: trained}

        return jax.jit(jax.grad(weighted, has_aux=True))

    def _losses(self, program: Any) -> np.ndarray:
        """The loss before each of five steps of our optimiser."""
        steps = self._golden.config["steps"]
        settings = {"learning_rate": steps["lr"], "weight_decay": steps["l2"]}
        if steps["clip_value"] > 0:
            settings["clip_value"] = steps["clip_value"]
        count = len(self._batch.features)
        of = groups_of(self._fusion, self._static, self._settings, count)
        groups = [optimizer.Group(group.label, group.pattern, group.settings) for group in of]
        adam = optimizer.make(settings, groups)

        @jax.jit
        def step(params: Any, state: Any, gradient: Any) -> Any:
            update, state = adam.update(gradient, state, params)
            return optax.apply_updates(params, update), state

        params, state, found = self._params, adam.init(self._params), []
        for number in range(_STEPS):
            gradient, values = program(params, self._noise(number + 1), (0.0, 1.0))
            params, state = step(params, state, gradient)
            found.append(float(values[_TRAINED]))
        return np.array(found)


def _value(setting: Any, config: dict[str, Any]) -> Any:
    """A setting's value: the file's, or its default where the release has no such setting."""
    if setting.name == "release":
        return True
    for name in (setting.name, _SETTINGS.get(setting.name)):
        if name in config:
            return config[name]
    return as_tuple(setting.default)[0]


def _largest(found: dict[str, Any], expected: dict[str, np.ndarray], floor: float = 0.0) -> float:
    return max(_relative(found[name], expected[name], floor) for name in expected)


def _relative(found: Any, expected: np.ndarray, floor: float = 0.0) -> float:
    """The largest difference by the largest expected value, or by `floor` where that is less."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape:
        raise AssertionError(f"shape {found.shape} instead of {expected.shape}")
    # The release's gradients may be NaN, as MISA's are in a batch of one; ours must be there too.
    same = np.isnan(found) & np.isnan(expected)
    found, expected = np.where(same, 0, found), np.where(same, 0, expected)
    scale = max(np.abs(expected).max(), floor)
    difference = np.abs(found - expected).max()
    return float(difference / scale) if scale else float(difference)


def main(paths: list[str]) -> int:
    """Prints the differences of each file; 1 where one is beyond its tolerance, else 0."""
    failed = 0
    for path in paths:
        golden = read(path)
        for precision in (SINGLE, DOUBLE):
            found, allowed = differences(golden, precision), tolerance(golden, precision)
            good = passes(found, allowed)
            failed += not good
            numbers = "  ".join(
                f"{name} {value:.1e}" for name, value in zip(found._fields, found, strict=True)
            )
            verdict = "" if good else "  BEYOND"
            print(f"{golden.config['case']:20} {precision}  {numbers}{verdict}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
