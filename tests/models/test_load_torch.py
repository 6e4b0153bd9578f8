"""PyTorch's weights in our trees: names, layouts, and what is refused."""

import numpy as np
import pytest

from mer_jax import models
from mer_jax.errors import InputError
from mer_jax.models.load_torch import as_torch

TEMPLATE = {
    "fusion": {
        "audio_encoder": {
            "linear_1": {"kernel": np.zeros((2, 3), np.float32), "bias": np.zeros(3, np.float32)}
        },
        "norm": {"scale": np.ones(3, np.float32), "bias": np.zeros(3, np.float32)},
        "fusion": {"fusion_layer_1": {"kernel": np.zeros((3, 1), np.float32)}},
        "conv": {"kernel": np.zeros((5, 2, 4), np.float32)},
        "rnn": {
            "kernel_ih_l0": np.zeros((2, 12), np.float32),
            "bias_ih_l0": np.zeros(12, np.float32),
        },
        "layers.0.self_attn": {
            "in_proj_kernel": np.zeros((4, 12), np.float32),
            "in_proj_bias": np.zeros(12, np.float32),
        },
        "factor": np.zeros((2, 3, 4), np.float32),
    },
    "valence": {"kernel": np.zeros((3, 1), np.float32), "bias": np.zeros(1, np.float32)},
}
SHAPES = {
    "audio_encoder.linear_1.weight": (3, 2),
    "audio_encoder.linear_1.bias": (3,),
    "norm.weight": (3,),
    "norm.bias": (3,),
    "fusion.fusion_layer_1.weight": (1, 3),
    "conv.weight": (4, 2, 5),
    "rnn.weight_ih_l0": (12, 2),
    "rnn.bias_ih_l0": (12,),
    "layers.0.self_attn.in_proj_weight": (12, 4),
    "layers.0.self_attn.in_proj_bias": (12,),
    "factor": (2, 3, 4),
    "fc_out_2.weight": (1, 3),
    "fc_out_2.bias": (1,),
}


def state_dict(**more):
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    return {name: array.astype(np.float32) for name, array in arrays.items()} | more


def test_every_array_goes_where_its_name_says():
    given = state_dict()
    loaded = models.load_torch(given, TEMPLATE)
    fusion = loaded["fusion"]
    np.testing.assert_allclose(
        fusion["audio_encoder"]["linear_1"]["kernel"], given["audio_encoder.linear_1.weight"].T
    )
    np.testing.assert_allclose(fusion["norm"]["scale"], given["norm.weight"])
    np.testing.assert_allclose(fusion["factor"], given["factor"])
    np.testing.assert_allclose(fusion["conv"]["kernel"], given["conv.weight"].transpose(2, 1, 0))
    np.testing.assert_allclose(loaded["valence"]["kernel"][:, 0], given["fc_out_2.weight"][0])
    assert as_torch(loaded).keys() == given.keys()
    for name, array in as_torch(loaded).items():
        np.testing.assert_allclose(array, given[name], rtol=1e-6, err_msg=name)


def test_buffers_heads_without_outputs_and_copies_are_passed_over(tmp_path):
    given = state_dict()
    more = {
        "trans_l_mem.version": np.array([2.0]),
        "fc_out_1.weight": np.zeros((0, 3)),
        "fc_out_1.bias": np.zeros(0),
        "seq2seq1.encoder.rnn.bias_ih_l0": given["rnn.bias_ih_l0"],
    }
    expected = as_torch(models.load_torch(given, TEMPLATE))
    np.savez(tmp_path / "plain.npz", **given, **more)
    golden = {f"param/{name}": array for name, array in given.items()}
    np.savez(tmp_path / "golden.npz", config="{}", **golden)
    for source in (given | more, tmp_path / "plain.npz", tmp_path / "golden.npz"):
        for name, array in as_torch(models.load_torch(source, TEMPLATE)).items():
            np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_what_does_not_fit_is_told_in_a_sentence(tmp_path):
    given = state_dict()
    with pytest.raises(InputError, match=r"lack factor, norm.weight, which the model has"):
        few = {n: given[n] for n in given if n not in ("norm.weight", "factor")}
        models.load_torch(few, TEMPLATE)
    with pytest.raises(InputError, match=r"hold other.bias, which the model does not have"):
        models.load_torch(state_dict(**{"other.bias": np.ones(3)}), TEMPLATE)
    # A name that ends like a loaded one is a copy only where the numbers are the same.
    with pytest.raises(InputError, match=r"hold encoder.norm.bias, which"):
        models.load_torch(state_dict(**{"encoder.norm.bias": np.ones(3)}), TEMPLATE)
    with pytest.raises(InputError, match=r"conv.weight is of shape \(4, 5, 2\), .* \(4, 2, 5\)"):
        models.load_torch(state_dict(**{"conv.weight": np.zeros((4, 5, 2))}), TEMPLATE)
    (tmp_path / "a.npz").write_bytes(b"no archive")
    for path in ("a.npz", "absent.npz"):
        with pytest.raises(InputError, match=rf"{path}: no npz file of arrays"):
            models.load_torch(tmp_path / path, TEMPLATE)


def test_tensors_load_as_arrays_do():
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    given = state_dict()
    tensors = {name: torch.nn.Parameter(torch.tensor(array)) for name, array in given.items()}
    for name, array in as_torch(models.load_torch(tensors, TEMPLATE)).items():
        np.testing.assert_allclose(array, given[name], rtol=1e-6, err_msg=name)
