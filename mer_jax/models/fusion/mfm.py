"""Multimodal Factorization Model (Tsai et al., ICLR 2019): what predicts, and what generates."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax import random_bits
from mer_jax.data.npy import FRAME
from mer_jax.models import recurrent
from mer_jax.models.aligned import LETTERS, Aligned, aligned, frame_weight, mean_square
from mer_jax.models.fusion.shared import DROPOUT, HIDDEN, RELEASE
from mer_jax.models.layers import FRAME_ATTENTION, SOWN, Batch, TorchDense
from mer_jax.models.memory import MEM_DIM, Rate, attended, prepared, remembered, two_layers
from mer_jax.models.recurrent import LSTMCell
from mer_jax.settings import AT_LEAST_0, Setting

_LOSS = {
    name: Setting(name, default, AT_LEAST_0, f"mfm: weight of {what}", traced=True)
    for name, default, what in (
        ("lda_xl", 0.1, "the text's reconstruction"),
        ("lda_xa", 0.1, "the audio's reconstruction"),
        ("lda_xv", 0.1, "the video's reconstruction"),
        ("lda_mmd", 10.0, "the latent vectors' distance from a normal distribution"),
    )
}


class Mfm(nn.Module):
    """z = a net of f_y, the factor of MFN's last states; f_m of each modality regenerate frames.

    Own losses (Eq. 5 there, weighted here): each modality's reconstruction from (f_y, f_m), and the
    maximum mean discrepancy of each latent vector from standard normal draws. The draws are
    `batch.noise` [N + 1, B, H], the modalities' in order and then y's, where it is given;
    in training they come of the dropout's key, and outside training they are always the same.
    """

    SETTINGS: ClassVar = (HIDDEN, MEM_DIM, RELEASE, DROPOUT, *_LOSS.values())
    LEVEL: ClassVar = FRAME
    ALIGNED: ClassVar = True
    modalities: tuple[str, ...]
    hidden: int
    mem_dim: int
    release: bool

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B H"], dict]:
        """The fused vectors of a batch, half as wide as `hidden`, and both losses, weighted."""
        rate, width = settings["dropout"], self.hidden // 2
        given = aligned(batch, self.release)
        outer = [self._encoder(name, x) for name, x in given.frames.items()]
        memory = _Memory(self.hidden, self.mem_dim, name="mfn_encoder")
        last_NxBxH, last, shown = memory(given, outer, rate, train)
        self.sow(SOWN, FRAME_ATTENTION, shown)
        latent = {
            LETTERS[name]: TorchDense(self.hidden, name=f"encoder_{LETTERS[name]}.fc1")(h)
            for name, h in zip(given.frames, last_NxBxH, strict=True)
        }
        latent["y"] = TorchDense(self.hidden, name="last_to_zy_fc1")(last)
        factors = {
            letter: nn.relu(
                two_layers(self, f"z{letter}_to_f{letter}", (width, width), z, rate, train)
            )
            for letter, z in latent.items()
        }
        noise = self._noise(batch, latent, train)
        distance = sum(
            _discrepancy(z, g, batch.row_weight)
            for z, g in zip(latent.values(), noise, strict=True)
        )
        lost = self._reconstruction(given, factors, batch.row_weight, settings)
        z_BxF = two_layers(self, "fy_to_y", (width, width), factors["y"], rate, train)
        return z_BxF, {"discrepancy": settings["lda_mmd"] * distance, "reconstruction": lost}

    def _encoder(self, name: str, x: Array) -> tuple[Array, Array]:
        weights = LSTMCell(self.hidden, name=f"encoder_{LETTERS[name]}.lstm")(x.shape[-1])
        return recurrent.gates(x, weights), weights.hidden

    def _noise(self, batch: Batch, latent: dict, train: bool) -> Array:
        """The normal draws of a pass."""
        if batch.noise is not None:
            return batch.noise
        key = self.make_rng("dropout") if train else jax.random.key(0)
        z = latent["y"]
        return random_bits.normal(key, (len(latent), *z.shape)).astype(z.dtype)

    def _reconstruction(
        self, given: Aligned, factors: dict, row_weight: Array, settings: dict
    ) -> Float[Array, ""]:
        """The weighted mean squares of what the decoders make of the factors.

        A decoder's input is its factors at the first frame and its own last state at all others,
        where one product stands for both of an LSTM's.
        """
        count = len(given.frames)
        masks = given.listed_masks() or [None] * count
        gates, kernels = [], []
        for name, mask in zip(given.frames, masks, strict=True):
            letter = LETTERS[name]
            y_BxD = jnp.concatenate([factors["y"], factors[letter]], axis=-1)
            size = y_BxD.shape[-1]
            weights = LSTMCell(size, name=f"decoder_{letter}.lstm")(size)
            frames = len(given.frames[name])
            is_first_TxB = _first(mask, (frames, len(y_BxD)))
            by_input = jnp.where(is_first_TxB[..., None], (y_BxD @ weights.input)[None], 0)
            gates.append(by_input + jnp.broadcast_to(weights.bias, by_input.shape))
            kernels.append(weights.input + weights.hidden)
        states = recurrent.run_together(gates, kernels, given.listed_masks())
        total = jnp.zeros((), row_weight.dtype)
        for name, h, mask in zip(given.frames, states.hidden, masks, strict=True):
            x = given.frames[name]
            made = TorchDense(x.shape[-1], name=f"decoder_{LETTERS[name]}.fc1")(h)
            weight_TxB = frame_weight(mask, row_weight, len(x))
            total += settings[f"lda_x{LETTERS[name]}"] * mean_square(made - x, weight_TxB)
        return total


class _Memory(nn.Module):
    """The inner MFN, without the head that the release makes and never uses."""

    hidden: int
    mem_dim: int

    @nn.compact
    def __call__(
        self, given: Aligned, others: list[tuple[Array, Array]], rate: Rate, train: bool
    ) -> tuple[Array, Array, dict[str, Array]]:
        """The other LSTMs' last states [N, B, H], [h_l, h_a, h_v, u] and the weights of frames.

        `others` are gates and recurrent kernels of one more LSTM for each modality: they go through
        the same frames in the same loop.
        """
        gates, kernels = prepared(given, self.hidden)
        masks = given.listed_masks()
        states = recurrent.run_together(
            gates + [gate for gate, _ in others],
            kernels + [kernel for _, kernel in others],
            None if masks is None else masks * 2,
        )
        count = len(others)
        seen_TxBxS, weight_NxTxB = attended(self, states.cell[:count], rate, train)
        u_BxM = remembered(self, seen_TxBxS, given.mask, train, rate=rate)
        last_NxBxH = states.hidden[:, -1]
        shown = {m: w.T for m, w in zip(given.frames, weight_NxTxB, strict=True)}
        return last_NxBxH[count:], jnp.concatenate([*last_NxBxH[:count], u_BxM], axis=-1), shown


def _first(mask_TxB: Array | None, shape: tuple[int, int]) -> Array:
    """Where a clip's first frame is: bool [T, B]."""
    if mask_TxB is None:
        return jnp.broadcast_to(jnp.arange(shape[0])[:, None] == 0, shape)
    return mask_TxB & (jnp.cumsum(mask_TxB, axis=0) == 1)


def _discrepancy(
    z_BxH: Float[Array, "B H"], noise_BxH: Float[Array, "B H"], weight_B: Float[Array, "B"]
) -> Float[Array, ""]:
    """The maximum mean discrepancy of z from the draws, over the rows that count."""
    share_B = weight_B / jnp.maximum(weight_B.sum(), 1)

    def mean_kernel(x: Array, y: Array) -> Array:
        # |x - y|^2 as a product: no array of [B, B, H].
        square = (x**2).sum(-1)[:, None] + (y**2).sum(-1)[None] - 2 * x @ y.T
        kernel_BxB = jnp.exp(-square / x.shape[-1] ** 2)
        return share_B @ kernel_BxB @ share_B

    return (
        mean_kernel(noise_BxH, noise_BxH)
        + mean_kernel(z_BxH, z_BxH)
        - 2 * mean_kernel(noise_BxH, z_BxH)
    )
