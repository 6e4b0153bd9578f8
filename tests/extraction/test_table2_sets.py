"""The sets of Table 2 whose weights are files of other programs, on tiny ones."""

import json
import pathlib

import numpy as np
import pytest

from mer_jax import published
from mer_jax.extraction import EXTRACTORS, sets, text, vision
from mer_jax.extraction.record import Clip, Decoded, MediaError, Options
from mer_jax.models import encoders as package
from mer_jax.models.encoders import vggish
from tests.support import encoders, torch_pickles

CLOSE = 1e-5
DOCS = pathlib.Path(__file__).parents[2] / "docs" / "encoders.md"


def heard(samples):
    return Decoded(Clip("clip"), audio=samples)


def test_every_row_of_table_2_can_be_extracted_and_stands_in_the_docs():
    rows = {}
    for line in DOCS.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 6:
            rows[cells[0].strip("`")] = cells
    assert list(rows) == list(published.FEATURE_SETS)
    for name, known in published.FEATURE_SETS.items():
        extractor = EXTRACTORS[name]
        assert extractor.folder("UTT") == known.folders[0]
        assert extractor.hub in rows[name][1]
        assert extractor.licence.partition(":")[0] in rows[name][2]
        for folder in (*known.folders, name):
            assert sets.find(folder).modality == known.modality
    assert sets.find("wav2vec-large-z-FRA").name == "wav2vec-large-z"
    assert sets.find("wav2vec-large-c-UTT").name == "wav2vec-large"


def test_vggish_by_level_and_of_a_short_clip(tmp_path):
    config = {"model_type": "vggish", "channels": [2], "pooled": [True], "dense": [4]}
    encoders.write_own(tmp_path / "vggish", config)
    encoder = package.load(tmp_path / "vggish")
    samples = np.tile(encoders.sound(), 7)[:32_000]  # 198 log-mel frames
    mel = vggish.log_mel(samples)
    made = EXTRACTORS["VGGish"].make(Options(tmp_path))
    rows, short = made.extract([heard(samples), heard(samples[:4800])])
    assert rows.shape == (3, 4) and made.size == 4
    for i, row in enumerate(rows):
        wanted = encoder.pooled(mel[None, 50 * i : 50 * i + 96])[0]
        np.testing.assert_allclose(row, wanted, rtol=0, atol=CLOSE)
    repeated = vggish.log_mel(np.tile(samples[:4800], 4))
    np.testing.assert_allclose(short, encoder.pooled(repeated[None, :96]), rtol=0, atol=CLOSE)
    frames = EXTRACTORS["VGGish"].make(Options(tmp_path, level="FRA"))
    (rows,) = frames.extract([heard(samples)])
    assert rows.shape == (21, 4)
    np.testing.assert_allclose(rows[20], encoder.pooled(mel[None, 100:196])[0], rtol=0, atol=CLOSE)
    assert (made.manifest["settings"]["hop_seconds"], made.manifest["hub"]) == (0.5, "vggish")
    with pytest.raises(MediaError, match="holds no samples"):
        made.extract([heard(samples[:0])])


def test_wav2vec_gives_c_or_z(tmp_path):
    sizes = {"conv_dim": [4, 4], "conv_kernel": [10, 4], "conv_stride": [5, 2]}
    encoders.write_own(
        tmp_path / "wav2vec_large", {"model_type": "wav2vec", **sizes, "context_kernel": [2]}
    )
    samples = encoders.sound()[:2000]
    z, c = package.load(tmp_path / "wav2vec_large").hidden_states(samples[None])
    for name, wanted in (("wav2vec-large", c), ("wav2vec-large-z", z)):
        for layers in ("release", "merbench"):
            made = EXTRACTORS[name].make(Options(tmp_path, layers=layers))
            (rows,) = made.extract([heard(samples)])
            np.testing.assert_allclose(rows, wanted[0], rtol=0, atol=CLOSE)


def test_faces_by_a_file_without_a_config(tmp_path, monkeypatch):
    config = {"model_type": "ferplus", "stem": 4, "narrow": [4, 4], "depths": [1, 1]}
    folder = tmp_path / "senet50_ferplus_dag"
    tensors = encoders.write_own(folder, config)
    (folder / "config.json").unlink()
    monkeypatch.setitem(vision._CONFIGS, "SENet-FER2013", config)
    monkeypatch.setattr(vision, "_IMAGES", 2)
    (path,) = folder.iterdir()
    plain = {"size": 64, "crop_size": 64, "image_mean": [0] * 3, "image_std": [1] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(plain))
    content = {  # as MA-Net's authors' program saves it
        "epoch": 7,
        "recorder": torch_pickles.Call((torch_pickles.Global("__main__ RecorderMeter"),)),
        "state_dict": {
            f"module.{name}": torch_pickles.tensor(array, str(i), False)
            for i, (name, array) in enumerate(tensors.items())
        },
    }
    torch_pickles.write_zip(path, tensors, content)
    faces = np.random.RandomState(5).randint(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    made = EXTRACTORS["SENet-FER2013"].make(Options(tmp_path))
    (rows,) = made.extract([Decoded(Clip("clip"), faces=faces)])
    pixels = (faces / np.float32(255)).transpose(0, 3, 1, 2)
    wanted = package.load(folder, config=config).pooled(pixels)
    np.testing.assert_allclose(rows, wanted, rtol=0, atol=CLOSE)
    assert rows.shape == (2, made.size) == (2, 4)
    assert list(made.manifest["weights_sha256"]) == [path.name]
    json.dumps(made.manifest)


def test_pixels_of_fer_plus_are_caffe_s(tmp_path):
    from mer_jax.extraction import pixels

    face = np.full((224, 224, 3), 128, np.uint8)
    found = pixels.read(tmp_path, "ferplus")(face)
    assert found.shape == (3, 224, 224)
    wanted = 128 - np.array([131.0912, 103.8827, 91.4953])
    np.testing.assert_allclose(found[:, 7, 9], wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("empty", "wanted"), [([2, 3], (1, 1)), ([4, 3], (0, 2)), ([], (0, 0)), ([1], (1, 0))]
)
def test_special_tokens_are_seen_in_an_empty_text(empty, wanted):
    before, _ = wanted
    assert (
        text.special_of(lambda t: [*empty[:before], *([9] if t else []), *empty[before:]]) == wanted
    )
