"""Multimodal Cyclic Translation Network (Pham et al., AAAI 2019): text translated into the rest."""

from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array

from mer_jax.data.npy import FRAME
from mer_jax.models.additive_attention import attended
from mer_jax.models.aligned import frame_weight, mean_square
from mer_jax.models.frame_loop import Weights, loop
from mer_jax.models.fusion.shared import DROPOUT, HIDDEN, RELEASE
from mer_jax.models.layers import Batch, TorchDense, TorchKernel, product
from mer_jax.models.modality_encoders import dropped
from mer_jax.models.recurrent import LSTM, layer_weights, time_first
from mer_jax.settings import AT_LEAST_0, Setting

_ORDER = ("text", "video", "audio")  # the source, and what it is translated into one after another
_DIRECTIONS = ("", "_reverse")

LOSS_WEIGHT = Setting("loss_weight", 0.1, AT_LEAST_0, "mctn: weight of translations", traced=True)


class _Sequence(NamedTuple):
    """What is read or made step by step: over a clip's frames, or, in the release, over clips."""

    values: Array  # float32 [S, N, D]: S steps of N sequences
    own: Array  # float32 [S, N, D']: without the zeros that make it as wide as the widest
    mask: Array | None  # bool [S, N]; None: all count
    weight: Array  # float32 [S, N]: of its entries in a loss


class Mctn(nn.Module):
    """z = a dense layer of an LSTM's last state over what the encoders made of the text.

    A first translator turns text into video and what it made back into text; a second one turns the
    first one's encoding into audio. Own loss: their mean squares, times `loss_weight`. Audio and
    video are read as targets alone, so predictions need only the text.

    The release takes clips for steps and frames for sequences, and gives a decoder the target at
    each step; by default steps are frames, and a decoder gets what it made.
    """

    SETTINGS: ClassVar = (HIDDEN, RELEASE, DROPOUT, LOSS_WEIGHT)
    LEVEL: ClassVar = FRAME
    ALIGNED: ClassVar = True
    modalities: tuple[str, ...]
    hidden: int
    release: bool

    @nn.compact
    def __call__(self, batch: Batch, settings: dict, train: bool) -> tuple[Array, dict]:
        """The fused vectors of a batch, [B, H], and the loss of translations, weighted."""
        rate = settings["dropout"]
        names = [name for name in _ORDER if name in batch.features]
        size = max(batch.features[name].shape[-1] for name in names)
        source, *targets = (self._sequence(name, size, batch) for name in names)
        joint, lost = source.values, jnp.zeros((), source.weight.dtype)
        for level, target in enumerate(targets, 1):
            translator = _Translator(self.hidden, size, level, self.release)
            joint, made = translator(joint, source.mask, target, rate, train)
            lost += mean_square(made - target.values, target.weight)
            if level == 1:
                _, back = translator(made, target.mask, source, rate, train)
                lost += mean_square(back - source.values, source.weight)
        if not targets:  # one modality: nothing to translate into
            joint = _Encoder(self.hidden, name="encoder1")(joint, source.mask, rate, train)[0]
        encoded = joint if self.release else time_first(joint)
        mask = None if self.release else source.mask.T
        _, last = LSTM(self.hidden, name="fc_out_0.rnn")(encoded, mask)
        last = dropped(self, last, rate, train)
        z = TorchDense(self.hidden, name="fc_out_0.linear_1")(last)
        return z, {"translation": settings["loss_weight"] * lost}

    def _sequence(self, name: str, size: int, batch: Batch) -> _Sequence:
        """A modality's frames, with zeros up to the widest one's size and without."""
        x, mask = batch.features[name], batch.frame_mask[name]
        if self.release:
            mask, weight = None, jnp.ones(x.shape[:2], x.dtype)
        else:
            x, mask = time_first(jnp.where(mask[..., None], x, 0)), time_first(mask)
            weight = frame_weight(mask, batch.row_weight, len(x))
        wide = jnp.pad(x, ((0, 0), (0, 0), (0, size - x.shape[-1])))
        return _Sequence(wide, x, mask, weight)


class _Translator:
    """The encoder, attention and decoder of a level, `encoder1`, `attn1`, `decoder1`."""

    def __init__(self, hidden: int, size: int, level: int, release: bool):
        self._release = release
        self._encoder = _Encoder(hidden, name=f"encoder{level}")
        self._decoder = _Decoder(hidden, size, name=f"decoder{level}")
        self._attention = _Attention(hidden, name=f"attn{level}")

    def __call__(
        self, x: Array, mask: Any, target: _Sequence, rate: Any, train: bool
    ) -> tuple[Array, Array]:
        """The encoding [S, N, H] of x [S, N, D], and what is made of it, like the target."""
        encoding, state = self._encoder(x, mask, rate, train)
        attention = self._attention()
        told = target.own if self._release else None
        return encoding, self._decoder(
            encoding, mask, state, attention, len(target.values), told=told
        )


class _Encoder(nn.Module):
    """A bidirectional LSTM whose directions are added, and the decoder's first state."""

    hidden: int

    @nn.compact
    def __call__(self, x: Array, mask: Array | None, rate: Any, train: bool) -> tuple[Array, Array]:
        lstm = LSTM(self.hidden, bidirectional=True, name="rnn")
        states, last = lstm(time_first(x), None if mask is None else mask.T)
        states, last = (sum(jnp.split(each, 2, axis=-1)) for each in (states, last))
        kernel, _ = TorchKernel(self.hidden, use_bias=False, name="fc")(self.hidden)
        return dropped(self, time_first(states), rate, train), jnp.tanh(product(last, kernel))


class _Attention(nn.Module):
    """The kernels of v tanh(W [state, encoding]): of the state, of the encoding, and v."""

    hidden: int

    @nn.compact
    def __call__(self) -> tuple[Array, Array, Array]:
        both, _ = TorchKernel(self.hidden, use_bias=False, name="attn")(2 * self.hidden)
        v, _ = TorchKernel(1, use_bias=False, name="v")(self.hidden)
        return both[: self.hidden], both[self.hidden :], v[:, 0]


class _Decoder(nn.Module):
    """One step of a bidirectional LSTM from zero states for each frame, on [input, context].

    With zero states a direction is sigmoid(o) tanh(sigmoid(i) tanh(c)): neither the recurrent
    kernel nor the forget gate does anything.
    """

    hidden: int
    size: int

    @nn.compact
    def __call__(
        self,
        encoding: Array,
        mask: Array | None,
        state: Array,
        attention: tuple[Array, Array, Array],
        steps: int,
        *,
        told: Array | None,
    ) -> Array:
        """What is made, [steps, N, D]; `told` are the inputs, None: what was made before.

        With `told` the first step gives zeros, and step i is told step i - 1.
        """
        cells = _Directions(self.hidden, name="rnn")(self.size + self.hidden)
        out, out_bias = TorchKernel(self.size, name="fc_out")(2 * self.hidden)
        kernel = jnp.concatenate([_without_forget(cell.input) for cell in cells], axis=-1)
        bias = jnp.concatenate([_without_forget(cell.bias) for cell in cells])
        of_input, of_context = kernel[: self.size], kernel[self.size :]
        of_state, of_encoding, v = attention
        keys, values = (jnp.swapaxes(x, 0, 1) for x in (product(encoding, of_encoding), encoding))
        shared = (keys, v, values, None if mask is None else mask.T)
        layers = {"state": Weights(of_state), "context": Weights(of_context, bias)}
        if told is None:
            # What was made is linear in [state, context]: the product of both kernels stands for
            # making it and reading it, H wide instead of D.
            layers["fed"] = Weights(out @ of_input, out_bias @ of_input)
            is_later = jnp.arange(steps) > 0
            frames = (jnp.zeros((steps, 1, 1), encoding.dtype), is_later)
        else:
            by_input = product(told, of_input[: told.shape[-1]])
            frames = (by_input[:-1], None)
        start = (state, jnp.zeros((*state.shape[:-1], 2 * self.hidden), state.dtype))
        _, both = loop(_step, layers, start, frames, shared)
        made = product(both, out)
        made += jnp.broadcast_to(out_bias, made.shape)
        return made if told is None else jnp.pad(made, ((1, 0), (0, 0), (0, 0)))


def _step(dense: Any, shared: Any, carry: Any, frame: Any) -> Any:
    """Attention over the encoding, then the LSTM's step: [state, context] after it."""
    keys, v, values, mask = shared
    (state, before), (by_input, is_later) = carry, frame
    context = attended(dense("state", state), keys, v, values, mask)
    gates = dense("context", context)
    if is_later is None:
        gates = gates + by_input
    else:
        gates = gates + jnp.where(is_later, dense("fed", before), 0)
    forward, backward = jnp.split(gates, 2, axis=-1)
    state = _from_zero(forward) + _from_zero(backward)
    both = jnp.concatenate([state, context], axis=-1)
    return (state, both), both


def _from_zero(gates: Array) -> Array:
    """An LSTM's hidden state after one step from zero states."""
    i, c, o = jnp.split(gates, 3, axis=-1)
    return nn.sigmoid(o) * jnp.tanh(nn.sigmoid(i) * jnp.tanh(c))


def _without_forget(weights: Array) -> Array:
    """The weights of the input gate, the cell and the output gate."""
    i, _, c, o = jnp.split(weights, 4, axis=-1)
    return jnp.concatenate([i, c, o], axis=-1)


class _Directions(nn.Module):
    """The weights of a bidirectional LSTM of one layer."""

    hidden: int

    @nn.compact
    def __call__(self, size: int) -> list[Any]:
        return [layer_weights(self, size, self.hidden, f"_l0{each}") for each in _DIRECTIONS]
