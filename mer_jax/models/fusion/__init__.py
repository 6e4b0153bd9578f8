"""The fusion algorithms, one a file, and their registry.

A fusion is a Flax module with a field `modalities` (names, in order) and a field for each of its
static settings. It declares STATIC, the settings that change shapes, and TRACED, those that do not
and reach it as traced scalars; each is a key of the config's `model` or `train` part. It is called
as `fusion(batch, settings, train)` and gives the fused vector, float32 [B, H], and a dictionary of
further losses, each weighted by the traced setting called `<loss>_weight`. Where it weighs the
modalities it sows the weights, `self.sow(SOWN, ATTENTION, {modality: [B]})`: reports draw them.
"""

from mer_jax.models.fusion.attention import AttentionFusion
from mer_jax.models.fusion.attention_release import AttentionReleaseFusion
from mer_jax.models.fusion.concat import ConcatFusion
from mer_jax.models.fusion.mlp_release import MlpReleaseFusion
from mer_jax.models.fusion.unimodal import Unimodal

FUSIONS = {
    "unimodal": Unimodal,
    "attention": AttentionFusion,
    "attention_release": AttentionReleaseFusion,
    "mlp_release": MlpReleaseFusion,
    "concat": ConcatFusion,
}
