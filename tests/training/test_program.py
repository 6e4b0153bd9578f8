"""What a compiled program is of: the static part of a trial and the traced one."""

import jax
import numpy as np
import pytest

from mer_jax import config as config_lib
from mer_jax.corpora import MER2023
from mer_jax.data.framing import Framing
from mer_jax.data.npy import FRAME
from mer_jax.data.rows import Frames
from mer_jax.errors import InputError
from mer_jax.training import program
from mer_jax.training import sizes as sizes_lib
from mer_jax.training.program import Static
from tests.support.configs import changed
from tests.support.runs import static_of


def test_static_and_traced_settings_part():
    config = config_lib.check(changed(model__fusion="attention_release", train__learning_rate=1e-4))
    (trial,) = config_lib.trials(config)
    static = program.static_of(config, trial, ("audio", "text"), MER2023.task)
    assert static.settings == (("layers", (256, 128)),)
    hparams = program.hparams_of(trial)
    assert hparams == program.HParams(
        {"learning_rate": 1e-4, "weight_decay": 1e-5}, {"dropout": 0.3}
    )


def test_unimodal_refuses_two_modalities():
    config = config_lib.check(changed(model__fusion="unimodal"))
    trial = config_lib.trials(config)[0]
    with pytest.raises(InputError, match="takes one modality, the config names audio, text"):
        program.static_of(config, trial, ("audio", "text"), MER2023.task)


def test_one_fusion_takes_several_sets_of_a_modality():
    def static(fusion):
        trial = config_lib.trials(config_lib.check(changed(model__fusion=fusion)))[0]
        modalities = ("audio", "audio_2", "text")
        return program.static_of(changed(model__fusion=fusion), trial, modalities, MER2023.task)

    sizes = {"audio": 3, "audio_2": 4, "text": 5}
    assert sizes_lib.count_parameters(static("attention_topn"), sizes) > 0
    match = "features.audio: names several .* 'misa' takes one .* config.model.fusion to attention_"
    with pytest.raises(InputError, match=match):
        static("misa")


def test_parameters_are_counted():
    sizes = {"audio": 6, "video": 4}
    expected = (6 * 8 + 8) + (4 * 8 + 8) + (8 + 2) + (8 * 6 + 6) + (8 + 1)
    assert sizes_lib.count_parameters(static_of(hidden=8), sizes) == expected


def test_fusions_that_read_frame_by_frame_get_the_texts_frames():
    def of(fusion, align="auto", text="words"):
        config = changed(model__fusion=fusion, features__level="frames", frames__align=align)
        config.features.text = text
        return program.framing_of(config_lib.check(config))

    assert of("mfn") == of("mult", "text") == Framing(aligned=True)
    assert of("mfn", "none") == of("mfn", text="") == of("mult") == Framing()
    with pytest.raises(InputError, match=r"the config names no features\.text; set it, or use"):
        of("mult", "text", text="")
    with pytest.raises(InputError, match="of 'mfn' and 'mult' one takes aligned frames"):
        of(("mfn", "mult"))


def test_a_shuffled_models_clips_have_its_length():
    """Its weights say how many frames it was trained on; unlike lengths are told in a sentence."""

    def clips(*lengths):
        return {"audio": Frames.of_lengths(np.zeros((sum(lengths), 3), np.float32), lengths)}

    sizes = {"audio": 3}
    on, off = (
        Static("lstm_fcn", (("hidden", 2), ("shuffle", each)), ("audio",), MER2023.task, 1, 2,
               level=FRAME)
        for each in (True, False)
    )  # fmt: skip
    kept = {"repeat": np.zeros(2, int)}
    for static, frames, others in ((on, 7, (6, 8)), (off, 0, ())):
        shapes = sizes_lib.shapes(static, sizes_lib.zeros(static, sizes, 1, frames or 1))
        kept["params"] = jax.tree.map(lambda x: np.zeros((2, *x.shape)), shapes["params"])
        assert sizes_lib.fits(static, sizes, kept)
        sizes_lib.check_lengths(static, clips(7, 7), kept)
        for other in others:
            match = f"shuffle=True takes clips .*, 7 as in training, and these have {other}; train"
            with pytest.raises(InputError, match=match):
                sizes_lib.check_lengths(static, clips(other), kept)
        kept["params"]["more"] = np.zeros(2)
        assert not sizes_lib.fits(static, sizes, kept)
    sizes_lib.check_lengths(off, clips(7, 2))
    with pytest.raises(InputError, match="as many frames, and these have 2 to 7; train with --con"):
        sizes_lib.check_lengths(on, clips(7, 2, 3))
