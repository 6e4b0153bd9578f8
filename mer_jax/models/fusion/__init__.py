"""The fusion algorithms, one a file, and their registry.

A fusion is a Flax module with a field `modalities` (names, in order) and SETTINGS: each Setting
(mer_jax/settings.py) is a key of the config's `model` or `train` part. The static ones change what
is compiled and are fields of the module; the traced ones reach it as scalars. It is called as
`fusion(batch, settings, train)` and gives the fused vector, float32 [B, H], and a dictionary of
further losses, each weighted by the traced setting called `<loss>_weight`; one without such a
setting is weighted already, by a setting of another name. Where it weighs the modalities it sows
the weights, `self.sow(SOWN, ATTENTION, {modality: [B]})`, and where it weighs frames
`self.sow(SOWN, FRAME_ATTENTION, {modality: [B, T]})`: reports draw them. Parameters that are
trained otherwise than the others it lists in GROUPS (mer_jax/models/groups.py).

A fusion gets one vector a clip, [B, D], frames averaged. With `LEVEL: ClassVar = FRAME`
(mer_jax/data/npy.py) it gets frames, [B, T, D], and `batch.frame_mask`, bool [B, T], of every
modality; a set of vectors comes as clips of one frame. Padded frames are zero and must change
nothing. One that takes either declares `LEVELS: ClassVar = (UTTERANCE, FRAME)`, its default first,
and `config.features.level` chooses. One that reads all modalities frame by frame declares
`ALIGNED: ClassVar = True`: with `config.frames.align` of "auto" the others have as many frames as
the text. A modality may lack some in front, which its mask says. One whose parameters depend on the
number of frames names in ONE_LENGTH the switch by which they do; NEEDS_VALENCE names the one with
which its own loss reads `batch.sign`. One that takes several feature
sets of a modality, called audio, audio_2 and so on, declares `MANY_SETS: ClassVar = True`.

Fusions of MERBench's release name their submodules and parameters as the release does, so that
`mer_jax.models.load_torch` finds its weights; with the setting `release` they compute what it does
to the letter, padding in front included, and without it what docs/fusion_algorithms.md repairs.
"""

import dataclasses

from flax import linen as nn

from mer_jax.data.npy import UTTERANCE
from mer_jax.errors import InputError
from mer_jax.models.fusion.attention import AttentionFusion
from mer_jax.models.fusion.attention_merbench import AttentionMerbench
from mer_jax.models.fusion.attention_release import AttentionReleaseFusion
from mer_jax.models.fusion.attention_topn import AttentionTopn
from mer_jax.models.fusion.concat import ConcatFusion
from mer_jax.models.fusion.ef_lstm import EfLstm
from mer_jax.models.fusion.graph_mfn import GraphMfn
from mer_jax.models.fusion.lf_dnn import LfDnn
from mer_jax.models.fusion.lmf import Lmf
from mer_jax.models.fusion.lstm_fcn import AlstmFcn, LstmFcn
from mer_jax.models.fusion.mctn import Mctn
from mer_jax.models.fusion.mfm import Mfm
from mer_jax.models.fusion.mfn import Mfn
from mer_jax.models.fusion.misa import Misa
from mer_jax.models.fusion.mlp_release import MlpReleaseFusion
from mer_jax.models.fusion.mmim import Mmim
from mer_jax.models.fusion.mult import Mult
from mer_jax.models.fusion.tfn import Tfn
from mer_jax.models.fusion.unimodal import Unimodal
from mer_jax.settings import Registry
from mer_jax.task import Task, modality_of


def _own_fields(module: type[nn.Module]) -> set[str]:
    """The fields that a fusion's static settings fill: all but Flax's and `modalities`."""
    return {field.name for field in dataclasses.fields(module)} - {"modalities", "parent", "name"}


FUSIONS = Registry(
    "fusion",
    ("model", "train"),
    {
        "unimodal": Unimodal,
        "attention": AttentionFusion,
        "attention_release": AttentionReleaseFusion,
        "mlp_release": MlpReleaseFusion,
        "concat": ConcatFusion,
        "attention_merbench": AttentionMerbench,
        "attention_topn": AttentionTopn,
        "lf_dnn": LfDnn,
        "lmf": Lmf,
        "tfn": Tfn,
        "ef_lstm": EfLstm,
        "mfn": Mfn,
        "graph_mfn": GraphMfn,
        "mfm": Mfm,
        "mult": Mult,
        "mctn": Mctn,
        "lstm_fcn": LstmFcn,
        "alstm_fcn": AlstmFcn,
        "misa": Misa,
        "mmim": Mmim,
    },
    _own_fields,
)


def levels(fusion: str) -> tuple[str, ...]:
    """The levels at which a fusion takes features (mer_jax/data/npy.py), its default first."""
    declared = FUSIONS[fusion]
    return getattr(declared, "LEVELS", (getattr(declared, "LEVEL", UTTERANCE),))


def check_task(fusion: str, settings: dict, task: Task) -> None:
    """Refuses a switch of a fusion whose loss asks for valences where the task has none."""
    switch = getattr(FUSIONS[fusion], "NEEDS_VALENCE", None)
    if settings.get(switch) and (task.targets or not task.valence_range):
        raise InputError(
            f"config.model.{switch}=True tells clips apart by the sign of their valence, "
            f"which the task lacks; train with --config.model.{switch}=False"
        )


def check_sets(fusion: str, modalities: tuple[str, ...]) -> None:
    """Refuses several feature sets of a modality where the fusion takes one."""
    several = [modality_of(m) for m in modalities if modality_of(m) != m]
    if several and not getattr(FUSIONS[fusion], "MANY_SETS", False):
        able = [name for name, each in FUSIONS.items() if getattr(each, "MANY_SETS", False)]
        raise InputError(
            f"config.features.{several[0]}: names several feature sets, and {fusion!r} takes one "
            f"of each modality; name one, or set config.model.fusion to {' or '.join(able)}"
        )
