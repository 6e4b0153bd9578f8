"""Models by their sizes: parameters, what a step keeps, and which features and weights fit them."""

from typing import Any

import jax
import numpy as np

from mer_jax.data import rows as rows_lib
from mer_jax.data.npy import FRAME
from mer_jax.data.rows import Frames, Rows
from mer_jax.errors import InputError
from mer_jax.models.fusion import FUSIONS
from mer_jax.models.layers import Batch
from mer_jax.settings import traced
from mer_jax.training.program import Static, build_model


def count_parameters(static: Static, sizes: dict[str, int], frames: int = 1) -> int:
    """The number of a model's parameters for features of these sizes; computes nothing.

    Few models' depends on the frames of a clip.
    """
    variables = shapes(static, zeros(static, sizes, 1, frames))
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def activation_bytes(static: Static, sizes: dict[str, int], frames: int) -> int:
    """Bytes that a training step of one run keeps for its backward pass; computes nothing.

    Counted are the batch and what the derivative of the model's outputs by its parameters needs,
    for clips of `frames` frames.
    """
    batch = zeros(static, sizes, static.batch_size, frames)
    variables = shapes(static, batch)
    params = variables.pop("params")

    def backward(params: Any, variables: Any, batch: Batch) -> Any:
        def outputs(params: Any) -> Any:
            output, _ = build_model(static).apply(
                {"params": params, **variables}, batch, _no_settings(static), train=True,
                rngs={"dropout": jax.random.key(0)}, mutable=list(variables),
            )  # fmt: skip
            return [x for x in (output.emotion, output.valence) if x is not None]

        return jax.vjp(outputs, params)[1]

    kept = jax.tree.leaves((batch, jax.eval_shape(backward, params, variables, batch)))
    of_params = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(params))
    total = sum(leaf.size * leaf.dtype.itemsize for leaf in kept)
    return max(total - of_params, 0)


def zeros(static: Static, sizes: dict[str, int], rows: int, frames: int) -> Batch:
    """A batch of zeros on the host, [rows, D] or [rows, frames, D] by the model's level."""
    between, masks = (), {}
    if static.level == FRAME:
        between, masks = (frames,), dict.fromkeys(sizes, np.ones((rows, frames), bool))
    features = {m: np.zeros((rows, *between, size), np.float32) for m, size in sizes.items()}
    return Batch(features, masks, np.ones(rows, np.float32))


def shapes(static: Static, batch: Batch) -> dict[str, Any]:
    """The shapes of a model's variables."""
    model, settings = build_model(static), _no_settings(static)

    def init(batch: Batch) -> dict[str, Any]:
        return model.init(jax.random.key(0), batch, settings)  # a key made outside is computed

    return jax.eval_shape(init, batch)


def _no_settings(static: Static) -> dict[str, float]:
    return dict.fromkeys(traced(FUSIONS[static.fusion].SETTINGS), 0.0)


def fits(static: Static, sizes: dict[str, int], kept: dict[str, Any]) -> bool:
    """Whether a checkpoint's parameters are as many as this model has, for each of its runs."""
    if not {"params", "repeat"} <= kept.keys() or sizes.keys() != set(static.modalities):
        return False
    return _frames_of(static, sizes, kept) is not None


def _frames_of(static: Static, sizes: dict[str, int], kept: dict[str, Any]) -> int | None:
    """The frames of the clips that kept weights are for, 0: any; None: they fit no clips."""
    held = sum(leaf.size for leaf in jax.tree.leaves(kept["params"]))
    of_each, more = divmod(held, kept["repeat"].size)
    of_one = count_parameters(static, sizes)
    if more or of_one > of_each:
        return None
    if not _one_length(static):
        return 0 if of_each == of_one else None
    frames, more = divmod(of_each - of_one, count_parameters(static, sizes, 2) - of_one)
    return None if more else frames + 1


def check_lengths(
    static: Static, features: dict[Any, Rows], kept: dict[str, Any] | None = None
) -> None:
    """Refuses clips of unlike lengths where the model needs one, that of its `kept` weights."""
    switch = _one_length(static)
    frames = [x.ends for x in features.values() if isinstance(x, Frames)]
    if not switch or not frames:
        return
    least, most = (int(of(np.concatenate(frames))) for of in (np.min, np.max))
    wanted = _frames_of(static, rows_lib.sizes(features), kept) if kept else least
    if least == most == wanted:
        return
    of_these = f"{least}" if least == most else f"{least} to {most}"
    raise InputError(
        f"config.model.{switch}=True takes clips that all have as many frames"
        + (f", {wanted} as in training" if kept else "")
        + f", and these have {of_these}; train with --config.model.{switch}=False"
    )


def _one_length(static: Static) -> str | None:
    """The switch of a fusion that is on and with which all clips have as many frames."""
    switch = getattr(FUSIONS[static.fusion], "ONE_LENGTH", None)
    return switch if dict(static.settings).get(switch) else None
