"""LSTMs as PyTorch has them, over clips of unlike lengths; only the recurrence is a loop.

Inside, arrays have time first, [T, B, ...], and a mask is bool [T, B]. A clip's state goes through
its padding unchanged, in front and behind, in either direction.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Bool, Float, Num

from mer_jax.models.dropout import dropout
from mer_jax.models.layers import product, torch_uniform


class States(NamedTuple):
    """What an LSTM goes through: its states after each frame, time first."""

    hidden: Array  # float32 [T, B, H]
    cell: Array  # float32 [T, B, H]


class Weights(NamedTuple):
    """One layer in one direction. The gates stand in the order input, forget, cell, output."""

    input: Array  # float32 [D, 4H]
    hidden: Array  # float32 [H, 4H]
    bias: Array  # float32 [4H]: the sum of PyTorch's two


def time_first(x: Num[Array, "B T *D"] | Bool[Array, "B T *D"]) -> Array:
    """The same with time before clips."""
    return jnp.swapaxes(x, 0, 1)


def gates(x: Float[Array, "T B D"], weights: Weights) -> Float[Array, "T B G"]:
    """What the inputs add to the gates: one product over all frames."""
    y = product(x, weights.input)
    return y + jnp.broadcast_to(weights.bias, y.shape)


def run(
    gates_TxBxG: Float[Array, "T B G"],
    kernel_HxG: Float[Array, "H G"],
    mask_TxB: Bool[Array, "T B"] | None = None,
    reverse: bool = False,
) -> States:
    """Runs an LSTM from zero states over its inputs' part of the gates, last frame first if asked.

    g = gates[t] + h W; c' = sigmoid(g_f) c + sigmoid(g_i) tanh(g_c); h' = sigmoid(g_o) tanh(c').
    """
    return States(*_run(reverse, gates_TxBxG, kernel_HxG, mask_TxB))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _run(reverse, gates_TxBxG, kernel_HxG, mask_TxB):
    return _forward(reverse, gates_TxBxG, kernel_HxG, mask_TxB)[0]


def _forward(reverse, gates_TxBxG, kernel_HxG, mask_TxB):
    _, batch, width = gates_TxBxG.shape
    zero_BxH = jnp.zeros((batch, width // 4), gates_TxBxG.dtype)

    def step(state, frame):
        h_BxH, c_BxH = state
        gates_BxG, mask_B = frame
        gate_i, gate_f, gate_c, gate_o = jnp.split(gates_BxG + h_BxH @ kernel_HxG, 4, axis=-1)
        i, f, o = nn.sigmoid(gate_i), nn.sigmoid(gate_f), nn.sigmoid(gate_o)
        candidate = jnp.tanh(gate_c)
        c_next = f * c_BxH + i * candidate
        h_next = o * jnp.tanh(c_next)
        if mask_B is not None:
            c_next = jnp.where(mask_B[:, None], c_next, c_BxH)
            h_next = jnp.where(mask_B[:, None], h_next, h_BxH)
        return (h_next, c_next), (h_next, c_next, (i, f, candidate, o))

    _, (h_TxBxH, c_TxBxH, active) = lax.scan(
        step, (zero_BxH, zero_BxH), (gates_TxBxG, mask_TxB), reverse=reverse
    )
    return (h_TxBxH, c_TxBxH), (h_TxBxH, c_TxBxH, active, kernel_HxG, mask_TxB)


def _backward(reverse, kept, gradient):
    # What autodiff would do in every step is done here once for all frames: the kernel's gradient,
    # one product instead of T, and all factors that need no gradient of a later frame.
    h_TxBxH, c_TxBxH, (i, f, candidate, o), kernel_HxG, mask_TxB = kept
    before_h, before_c = (_shifted(x, reverse) for x in (h_TxBxH, c_TxBxH))
    tanh_c = jnp.tanh(c_TxBxH)
    factors = (
        o * (1 - tanh_c**2),  # from h' to c'
        candidate * i * (1 - i),
        before_c * f * (1 - f),
        i * (1 - candidate**2),
        tanh_c * o * (1 - o),
    )
    kept_share = None
    if mask_TxB is not None:
        shown = jnp.broadcast_to(mask_TxB[..., None], f.shape)
        factors = tuple(jnp.where(shown, factor, 0) for factor in factors)
        f = jnp.where(shown, f, 1)
        kept_share = (~mask_TxB[..., None]).astype(f.dtype)
    kernel_GxH = kernel_HxG.T

    def step(carry, frame):
        dh_BxH, dc_BxH = carry
        (more_dh, more_dc), (to_c, to_i, to_f, to_g, to_o), f_BxH, share = frame
        dh_BxH, dc_BxH = dh_BxH + more_dh, dc_BxH + more_dc
        dc_BxH = dc_BxH + dh_BxH * to_c
        dgates_BxG = jnp.concatenate(
            [dc_BxH * to_i, dc_BxH * to_f, dc_BxH * to_g, dh_BxH * to_o], axis=-1
        )
        dh_next = dgates_BxG @ kernel_GxH
        if share is not None:
            dh_next = dh_next + dh_BxH * jnp.broadcast_to(share, dh_BxH.shape)
        return (dh_next, dc_BxH * f_BxH), dgates_BxG

    zero_BxH = jnp.zeros_like(h_TxBxH[0])
    _, dgates_TxBxG = lax.scan(
        step, (zero_BxH, zero_BxH), (gradient, factors, f, kept_share), reverse=not reverse
    )
    rows = before_h.shape[0] * before_h.shape[1]
    dkernel_HxG = before_h.reshape(rows, -1).T @ dgates_TxBxG.reshape(rows, -1)
    return dgates_TxBxG, dkernel_HxG, None


def _shifted(states_TxBxH, reverse):
    """The states before each frame."""
    zero_1xBxH = jnp.zeros_like(states_TxBxH[:1])
    if reverse:
        return jnp.concatenate([states_TxBxH[1:], zero_1xBxH])
    return jnp.concatenate([zero_1xBxH, states_TxBxH[:-1]])


_run.defvjp(_forward, _backward)


def run_together(
    gates_NxTxBxG: list[Array], kernels_NxHxG: list[Array], masks_NxTxB: list[Array] | None = None
) -> States:
    """Runs N LSTMs of one width side by side in one loop; states are [N, T, B, H]."""
    masks = None if masks_NxTxB is None else jnp.stack(masks_NxTxB)
    return jax.vmap(run)(jnp.stack(gates_NxTxBxG), jnp.stack(kernels_NxHxG), masks)


class LSTMCell(nn.Module):
    """The weights of PyTorch's LSTMCell: drawn from +-1/sqrt(H), both biases trained."""

    hidden: int

    @nn.compact
    def __call__(self, size: int) -> Weights:
        """The weights for inputs of `size`."""
        return layer_weights(self, size, self.hidden, "")


def layer_weights(module: nn.Module, size: int, hidden: int, suffix: str) -> Weights:
    """Makes the weights of a layer in one direction, inside a module's `__call__`."""

    def draw(name: str, *shape: int) -> Array:
        return module.param(f"{name}{suffix}", torch_uniform, shape, hidden)

    return Weights(
        draw("kernel_ih", size, 4 * hidden),
        draw("kernel_hh", hidden, 4 * hidden),
        draw("bias_ih", 4 * hidden) + draw("bias_hh", 4 * hidden),
    )


class LSTM(nn.Module):
    """PyTorch's LSTM with `batch_first`: layers over each other, one or both directions."""

    hidden: int
    layers: int = 1
    bidirectional: bool = False

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "B T D"],
        mask: Bool[Array, "B T"] | None = None,
        rate: Num[Array, ""] | float = 0.0,
        train: bool = False,
    ) -> tuple[Float[Array, "B T S"], Float[Array, "B S"]]:
        """The top layer's hidden states at each frame, and its last ones of each direction.

        S is H, or 2H in both directions, forward first. Without a mask all frames count. Dropout
        acts between layers where `train`.
        """
        x_TxBxD = time_first(x)
        mask_TxB = None if mask is None else time_first(mask)
        last = []
        for layer in range(self.layers):
            if layer and train:
                x_TxBxD = dropout(x_TxBxD, rate, self.make_rng("dropout"))
            outputs, last = [], []
            for suffix in ("", "_reverse") if self.bidirectional else ("",):
                weights = layer_weights(self, x_TxBxD.shape[-1], self.hidden, f"_l{layer}{suffix}")
                hidden_TxBxH = run(
                    gates(x_TxBxD, weights), weights.hidden, mask_TxB, bool(suffix)
                ).hidden
                outputs.append(hidden_TxBxH)
                last.append(hidden_TxBxH[0 if suffix else -1])
            x_TxBxD = jnp.concatenate(outputs, axis=-1)
        return time_first(x_TxBxD), jnp.concatenate(last, axis=-1)
