"""What MFN, Graph-MFN and MFM share: an LSTM a modality, and a memory that watches them.

All but the recurrence itself is computed for all frames at once: the LSTMs do not read the memory.
"""

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float, Num

from mer_jax.models import recurrent
from mer_jax.models.aligned import LETTERS, Aligned
from mer_jax.models.frame_loop import Weights, loop
from mer_jax.models.layers import TorchDense, TorchKernel, product
from mer_jax.models.modality_encoders import dropped
from mer_jax.models.recurrent import LSTMCell
from mer_jax.settings import AT_LEAST_1, Setting

MEM_DIM = Setting("mem_dim", 128, AT_LEAST_1, "mfn, graph_mfn, mfm: size of the memory")
_GATES = ("gamma1", "gamma2")  # of keeping the old memory, of taking the new one
Rate = Num[Array, ""] | float


def prepared(given: Aligned, hidden: int) -> tuple[list[Array], list[Array]]:
    """The modalities' parts of the gates and the recurrent kernels of their LSTMs, `lstm_l`...

    Called inside a module's `__call__`, as all functions here.
    """
    gates, kernels = [], []
    for name, x in given.frames.items():
        weights = LSTMCell(hidden, name=f"lstm_{LETTERS[name]}")(x.shape[-1])
        gates.append(recurrent.gates(x, weights))
        kernels.append(weights.hidden)
    return gates, kernels


def before(states_NxTxBxH: Float[Array, "N T B H"]) -> Float[Array, "N T B H"]:
    """The states before each frame."""
    return jnp.pad(states_NxTxBxH[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0)))


def two_layers(
    module: nn.Module, name: str, widths: tuple[int, int], x: Array, rate: Rate, train: bool
) -> Array:
    """`NAME_fc2` of dropout of ReLU of `NAME_fc1` over the last axis; `widths` are theirs."""
    x = nn.relu(TorchDense(widths[0], name=f"{name}_fc1")(x))
    return TorchDense(widths[1], name=f"{name}_fc2")(dropped(module, x, rate, train))


def attended(
    module: nn.Module, cells_NxTxBxH: Float[Array, "N T B H"], rate: Rate, train: bool
) -> tuple[Float[Array, "T B S"], Float[Array, "N T B"]]:
    """MFN's delta attention: the cells before and after each frame, S = 2NH, by their weights.

    Also how much of the weight each modality has at each frame.
    """
    count, _, _, hidden = cells_NxTxBxH.shape
    both_TxBxS = jnp.concatenate([*before(cells_NxTxBxH), *cells_NxTxBxH], axis=-1)
    size = both_TxBxS.shape[-1]
    weight_TxBxS = nn.softmax(two_layers(module, "att1", (hidden, size), both_TxBxS, rate, train))
    by_part = weight_TxBxS.reshape(*weight_TxBxS.shape[:2], 2, count, hidden)
    return weight_TxBxS * both_TxBxS, jnp.moveaxis(by_part.sum((2, 4)), -1, 0)


def remembered(
    module: nn.Module,
    seen_TxBxS: Float[Array, "T B S"],
    mask_TxB: Array | None,
    train: bool,
    *,
    rate: Rate,
) -> Float[Array, "B M"]:
    """The memory after the last frame: u <- g1 u + g2 tanh(att2(seen)), gates by seen and u."""
    hidden, mem, size = module.hidden, module.mem_dim, seen_TxBxS.shape[-1]
    new_TxBxM = jnp.tanh(two_layers(module, "att2", (hidden, mem), seen_TxBxS, rate, train))
    # The first layers of both gates stand side by side: one product each for seen and for u.
    first = [TorchKernel(hidden, name=f"{gate}_fc1")(size + mem) for gate in _GATES]
    kernel = jnp.concatenate([kernel for kernel, _ in first], axis=-1)
    bias = jnp.concatenate([bias for _, bias in first])
    by_seen = product(seen_TxBxS, kernel[:size])
    by_seen += jnp.broadcast_to(bias, by_seen.shape)
    share = dropped(module, jnp.ones_like(by_seen), rate, train) if train else None
    layers = {gate: Weights(*TorchKernel(mem, name=f"{gate}_fc2")(hidden)) for gate in _GATES}
    layers["inner"] = Weights(kernel[size:])

    def step(dense, _, u_BxM, frame):
        by_seen, new_BxM, share, mask_B = frame
        inner = nn.relu(by_seen + dense("inner", u_BxM))
        if share is not None:
            inner = inner * share
        keep, take = (
            nn.sigmoid(dense(gate, part))
            for gate, part in zip(_GATES, jnp.split(inner, 2, axis=-1), strict=True)
        )
        u_next = keep * u_BxM + take * new_BxM
        return (u_next if mask_B is None else jnp.where(mask_B[:, None], u_next, u_BxM)), None

    start = jnp.zeros(new_TxBxM.shape[1:], new_TxBxM.dtype)
    return loop(step, layers, start, (by_seen, new_TxBxM, share, mask_TxB))[0]
