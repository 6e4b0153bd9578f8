"""Graph-MFN (Zadeh et al., ACL 2018): a memory that sees a graph of all modalities' subsets."""

import itertools
from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from mer_jax.data.npy import FRAME
from mer_jax.models import recurrent
from mer_jax.models.aligned import LETTERS, aligned
from mer_jax.models.fusion.shared import DROPOUT, HIDDEN, RELEASE
from mer_jax.models.groups import ParameterGroup
from mer_jax.models.layers import Batch, TorchDense
from mer_jax.models.memory import MEM_DIM, before, prepared, remembered, two_layers

_INNER = 100  # width of the nets of nodes, of the output and of the efficacies; not a setting there


class GraphMfn(nn.Module):
    """As MFN, but the memory sees the output of a dynamic fusion graph of the hidden states.

    The release keeps the nets of the graph's nodes out of its optimiser, so that they stay as they
    were drawn; with `release` they do so here.
    """

    SETTINGS: ClassVar = (HIDDEN, MEM_DIM, RELEASE, DROPOUT)
    LEVEL: ClassVar = FRAME
    ALIGNED: ClassVar = True
    GROUPS: ClassVar = (
        ParameterGroup(
            "nodes",
            "graph_mfn.networks",
            {"learning_rate": 0.0},
            when=("release", True),
            modalities=2,
        ),
    )
    modalities: tuple[str, ...]
    hidden: int
    mem_dim: int
    release: bool

    @nn.compact
    def __call__(
        self, batch: Batch, settings: dict, train: bool
    ) -> tuple[Float[Array, "B H"], dict]:
        """The fused vectors of a batch, half as wide as `hidden`."""
        rate = settings["dropout"]
        given = aligned(batch, self.release)
        states = recurrent.run_together(*prepared(given, self.hidden), given.listed_masks())
        both = jnp.concatenate([before(states.hidden), states.hidden], axis=-1)
        singles = [
            nn.relu(TorchDense(self.hidden, name=f"{LETTERS[name]}_transform")(x))
            for name, x in zip(given.frames, both, strict=True)
        ]
        seen_TxBxH = _Graph(self.hidden, name="graph_mfn")(singles)
        u_BxM = remembered(self, seen_TxBxH, given.mask, train, rate=rate)
        last_BxS = jnp.concatenate([*states.hidden[:, -1], u_BxM], axis=-1)
        return two_layers(self, "out", (self.hidden, self.hidden // 2), last_BxS, rate, train), {}


class _Graph(nn.Module):
    """A node for each subset of two or more modalities, fed by all its own subsets, gated.

    A linear net without activation each, as in the release; the gates ("efficacies") are not
    squashed.
    """

    hidden: int

    @nn.compact
    def __call__(self, singles: list[Array]) -> Float[Array, "T B H"]:
        """The output node at each frame, from the modalities' states."""
        count = len(singles)
        values = {(i,): x for i, x in enumerate(singles)}
        subsets = [s for n in range(1, count + 1) for s in itertools.combinations(range(count), n)]
        nodes = {s: [sub for sub in subsets if set(sub) < set(s)] for s in subsets[count:]}
        edges = sum(map(len, nodes.values())) + len(subsets)
        efficacy = jnp.concatenate(singles, axis=-1)
        for name, width in (("0", _INNER), ("1.0", self.hidden), ("2", edges)):
            efficacy = TorchDense(width, name=f"efficacy_model.{name}")(efficacy)
        used = 0
        for node, fed in [*nodes.items(), (None, subsets)]:
            x = jnp.concatenate(
                [values[s] * efficacy[..., used + i, None] for i, s in enumerate(fed)], axis=-1
            )
            used += len(fed)
            net = "t_network" if node is None else f"networks.{'_'.join(map(str, node))}"
            for name, width in (("0", _INNER), ("1.0", self.hidden)):
                x = TorchDense(width, name=f"{net}.{name}")(x)
            values[node] = x
        return values[None]
