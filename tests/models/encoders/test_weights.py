"""What a folder of weights may be, and what is said of one that is not."""

import argparse
import hashlib
import json
import sys

import ml_dtypes
import numpy as np
import pytest

from mer_jax.errors import InputError
from mer_jax.models import encoders as package
from mer_jax.models.encoders import weights
from tests.support import encoders, torch_pickles
from tests.support.torch_pickles import Call, Global

CASE = "electra"  # the smallest


@pytest.fixture
def folder(tmp_path):
    return encoders.write_folder(tmp_path / "model", CASE)


def same(folder, atol=1e-5):
    """Whether a folder's encoder gives the known states."""
    clip = encoders.inputs(CASE)[0]
    states = package.load(folder).hidden_states(clip[None])
    for state, wanted in zip(states, encoders.known(CASE).states[0], strict=True):
        np.testing.assert_allclose(state[0], wanted, rtol=0, atol=atol)


@pytest.mark.parametrize("form", ["zip", "legacy", "nested", "besides", "gamma", "prefixed"])
def test_older_files_and_names(folder, form):
    tensors = encoders.weights(CASE)
    (folder / "model.safetensors").unlink()
    path = folder / "pytorch_model.bin"
    if form == "legacy":
        torch_pickles.write_legacy(path, tensors)
    elif form in ("nested", "besides"):
        content = {
            "epoch": 3,
            # As fairseq and the programs of others save their options and their records.
            "args": argparse.Namespace(lr=0.1, losses=[1.0]) if form == "besides" else None,
            "accuracy": np.arange(3.0) if form == "besides" else None,
            "state_dict": {
                name: torch_pickles.tensor(array, str(i), False)
                for i, (name, array) in enumerate(tensors.items())
            },
        }
        torch_pickles.write_zip(path, tensors, content)
    else:
        if form == "gamma":
            tensors = {
                name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                    "LayerNorm.bias", "LayerNorm.beta"
                ): array
                for name, array in tensors.items()
            }
        if form == "prefixed":  # as a model with a head, and position numbers, saves them
            tensors = {f"electra.{name}": array for name, array in tensors.items()}
            tensors["electra.embeddings.position_ids"] = np.arange(4)
            tensors["discriminator_predictions.dense.bias"] = np.zeros(3, np.float32)
        torch_pickles.write_zip(path, tensors)
    same(folder)


def test_resnet_as_torchvision_names_it(tmp_path):
    folder = encoders.write_folder(tmp_path / "resnet", "resnet")
    tensors = encoders.weights("resnet")
    kinds = {"convolution": ("conv", "downsample.0"), "normalization": ("bn", "downsample.1")}
    renamed = {"fc.weight": np.zeros((3, 40), np.float32), "fc.bias": np.zeros(3, np.float32)}
    for name, tensor in tensors.items():
        *where, kind, leaf = name.removeprefix("resnet.").split(".")
        if where[0] == "embedder":
            ours = f"{kinds[kind][0]}1"
        else:
            _, _, stage, _, layer, *place = where
            inside = (
                kinds[kind][1] if place == ["shortcut"] else f"{kinds[kind][0]}{int(place[1]) + 1}"
            )
            ours = f"layer{int(stage) + 1}.{layer}.{inside}"
        renamed[f"{ours}.{leaf}"] = tensor
    assert {"conv1.weight", "bn1.running_mean", "layer2.1.conv3.weight"} < renamed.keys()
    assert {"layer1.0.downsample.0.weight", "layer4.0.downsample.1.bias"} < renamed.keys()
    (folder / "model.safetensors").unlink()
    torch_pickles.write_zip(folder / "model.pth", renamed)
    images = np.stack(encoders.inputs("resnet"))
    known = encoders.known("resnet")
    for i, state in enumerate(package.load(folder).hidden_states(images)):
        for j in range(len(images)):
            np.testing.assert_allclose(state[j], known.states[j][i], rtol=0, atol=1e-5)


def test_files_that_pytorch_writes(folder):
    torch = pytest.importorskip("torch", reason="PyTorch writes the files")
    (folder / "model.safetensors").unlink()
    tensors = {name: torch.tensor(array) for name, array in encoders.weights(CASE).items()}
    tensors = {
        name: array.T.contiguous().T if array.ndim == 2 else torch.nn.Parameter(array)
        for name, array in tensors.items()
    }
    for legacy in (False, True):
        path = folder / "pytorch_model.bin"
        torch.save(tensors, path, _use_new_zipfile_serialization=not legacy)
        same(folder)


def test_what_the_config_does_not_say_is_as_in_transformers(folder):
    edited(folder, embedding_size=None)  # null: as if it were not there
    with pytest.raises(InputError, match=r"LayerNorm.bias is \[16\]; .* makes it \[128\]"):
        package.load(folder)  # ELECTRA's 128, and not BERT's hidden size


def test_shards_and_half_precision(folder):
    (folder / "model.safetensors").unlink()
    tensors = encoders.weights(CASE)
    names = sorted(tensors)
    parts = {
        "model-00001-of-00002.safetensors": (names[::2], np.float16),
        "model-00002-of-00002.safetensors": (names[1::2], ml_dtypes.bfloat16),
    }
    for file, (some, dtype) in parts.items():
        chosen = {name: tensors[name].astype(dtype) for name in some}
        encoders.write_safetensors(folder / file, chosen)
    index = {name: file for file, (some, _) in parts.items() for name in some}
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": index}))
    same(folder, atol=0.2)
    encoder = package.load(folder)
    assert weights.sha256(encoder.files) == {
        file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in parts
    }
    read = weights.read(folder).tensors
    for file, (some, dtype) in parts.items():
        for name in some:
            np.testing.assert_array_equal(read[name], tensors[name].astype(dtype), err_msg=file)
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(InputError, match=r"names 1 file that the folder lacks: model-00002"):
        package.load(folder)


def edited(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def rewritten(folder, change):
    tensors = encoders.weights(CASE)
    change(tensors)
    encoders.write_safetensors(folder / "model.safetensors", tensors)


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


BROKEN = {
    "no config": (
        lambda f: (f / "config.json").unlink(),
        r"no config.json; a model's folder in Hugging Face's layout has one",
    ),
    "no JSON": (lambda f: (f / "config.json").write_text("{"), r"not a readable JSON file"),
    "a list": (lambda f: (f / "config.json").write_text("[]"), r"expected an object, found list"),
    "no weights": (
        lambda f: (f / "model.safetensors").unlink(),
        r"no weights; expected one of model.safetensors, pytorch_model.bin",
    ),
    "another architecture": (
        lambda f: edited(f, model_type="t5"),
        r"model_type='t5' is no encoder that is here; one of: wav2vec2, hubert, .*resnet",
    ),
    "no architecture": (lambda f: edited(f, model_type=None), r"model_type=None is no encoder"),
    "no text": (lambda f: edited(f, model_type=["bert"]), r"model_type=\['bert'\] is no encoder"),
    "a wrong kind": (lambda f: edited(f, hidden_size="32"), r"hidden_size='32' is not a int"),
    "an activation": (
        lambda f: edited(f, hidden_act="mish"),
        r"no activation 'mish'; one of: gelu, gelu_new",
    ),
    "relative positions": (
        lambda f: edited(f, position_embedding_type="relative_key"),
        r"position_embedding_type='relative_key' is not here",
    ),
    "heads": (lambda f: edited(f, num_attention_heads=5), r"config.json: its sizes do not fit"),
    "no heads": (lambda f: edited(f, num_attention_heads=0), r"config.json: its sizes do not fit"),
    "more layers": (
        lambda f: edited(f, num_hidden_layers=4),
        r"lack 16 weights \(encoder.layer.3.attention.output.LayerNorm.bias, .*\.\.\.\): they are "
        r"not those of its config.json",
    ),
    "fewer layers": (
        lambda f: edited(f, num_hidden_layers=2),
        r"have besides 16 weights \(encoder.layer.2",
    ),
    "a weight renamed": (
        lambda f: rewritten(f, lambda t: t.update(other=t.pop("embeddings.LayerNorm.bias"))),
        r"lack 1 weight \(embeddings.LayerNorm.bias\) and have besides 1 weight \(other\)",
    ),
    "a shape": (
        lambda f: edited(f, vocab_size=61),
        r"word_embeddings.weight is \[60, 16\]; its config.json makes it \[61, 16\]",
    ),
    "cut off": (lambda f: cut(f / "model.safetensors", 9000), r"not a readable safetensors file"),
    "no header": (lambda f: cut(f / "model.safetensors", 5), r"not a readable safetensors file"),
    "empty": (lambda f: cut(f / "model.safetensors", 0), r"not a readable safetensors file"),
    "a web page": (
        lambda f: (f / "model.safetensors").write_text("<!DOCTYPE html><html>"),
        r"not a readable safetensors file",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_folder_that_is_no_model(folder, what):
    breaks, sentence = BROKEN[what]
    breaks(folder)
    with pytest.raises(InputError, match=sentence) as told:
        package.load(folder)
    assert "\n" not in str(told.value)


ONE = np.arange(6, dtype=np.float32).reshape(2, 3)
HOSTILE = {
    "a command": ({"a": Call((Global("os system"), "true"))}, r"asks for os.system"),
    "an object": (
        {"args": Call((Global("omegaconf DictConfig"),))},
        r"asks for omegaconf.DictConfig; save them as safetensors",
    ),
    "no tensors": ({"a": 1}, r"holds no tensors"),
    "a list": ([1], r"expected a dictionary, found list"),
    "too large": (
        {"a": torch_pickles.tensor(np.zeros((3, 3), np.float32), "0", False, count=6)},
        r"larger than its storage",
    ),
    "repeated": (  # a number that stands for as many as it likes
        {"a": torch_pickles.tensor(np.zeros(7, np.float32), "0", False, count=6, stride=(0,))},
        r"larger than its storage",
    ),
    "stride": (
        {"a": torch_pickles.tensor(ONE, "0", False, stride=(300, 1))},
        r"larger than its storage",
    ),
    "negative": (
        {"a": torch_pickles.tensor(ONE, "0", False, stride=(-3, 1), offset=3)},
        r"larger than its storage",
    ),
    "offset": (
        {"a": torch_pickles.tensor(ONE, "0", False, offset=2)},
        r"larger than its storage",
    ),
    "a wrong count": ({"a": torch_pickles.tensor(ONE, "0", False, count=7)}, r"cut off"),
    "no storage": ({"a": torch_pickles.tensor(ONE, "1", False)}, r"no item named"),
    "two kinds": (
        {
            "a": torch_pickles.tensor(ONE, "0", False),
            "b": torch_pickles.tensor(ONE.astype(np.int64), "0", False),
        },
        r"one storage as two kinds",
    ),
    "a storage for a tensor": (
        {"a": Call((Global("torch._utils _rebuild_tensor_v2"), 1, 0, (1,), (1,)))},
        r"a tensor without a storage",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_checkpoint_that_is_more_than_weights_is_refused(tmp_path, what):
    content, sentence = HOSTILE[what]
    path = tmp_path / "pytorch_model.bin"
    torch_pickles.write_zip(path, {"a": ONE}, content)
    with pytest.raises(InputError, match=rf"refused, not plain weights: .*{sentence}"):
        weights.torch_files.read(path)


def test_a_checkpoint_that_is_damaged(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    torch_pickles.write_legacy(path, {"a": ONE})
    whole = path.read_bytes()
    np.testing.assert_array_equal(weights.torch_files.read(path)["a"], ONE)
    for size in (0, 5, 40, len(whole) - 4, len(whole) - 30):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"refused, not plain weights"):
            weights.torch_files.read(path)
    path.write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(InputError, match=r"refused, not plain weights"):
        weights.torch_files.read(path)


def test_a_name_that_is_no_folder(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"no such folder; give one with config.json"):
        package.load(tmp_path / "nothing")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # as where it is not installed
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"nobody/nothing: no such folder, .*'mer_jax\[extract\]'"):
        package.load("nobody/nothing")


def test_a_name_of_the_hub(folder, monkeypatch):
    class Hub:
        @staticmethod
        def snapshot_download(name, allow_patterns):
            if name != "somebody/model":
                raise OSError("offline\nmore")
            assert "*.safetensors" in allow_patterns
            return str(folder)

    monkeypatch.setitem(sys.modules, "huggingface_hub", Hub)
    monkeypatch.chdir(folder)
    assert package.load("somebody/model").folder == folder
    with pytest.raises(InputError, match=r"the hub did not give it: offline; download it where"):
        package.load("somebody/other")


def test_an_unknown_meaning_of_the_last_state(folder):
    with pytest.raises(InputError, match=r"'v3'; one of: transformers4, transformers5"):
        package.load(folder, last="v3")
