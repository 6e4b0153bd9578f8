"""wav2vec, VGGish, the models of FER+ and MA-Net against transcriptions into NumPy.

A transcription takes weights by the names that the published files have, and all that there are.
"""

import numpy as np
import pytest

from mer_jax.models import encoders as package
from mer_jax.models.encoders import vggish
from tests.support import encoders

CLOSE = 1e-5


class Weights(dict):
    """Weights by name, which knows which were taken; float64."""

    def __init__(self, tensors):
        super().__init__({name: tensor.astype(np.float64) for name, tensor in tensors.items()})
        self.left = set(tensors)

    def __getitem__(self, name):
        self.left.discard(name)
        return super().__getitem__(name)


def made(folder, config, **besides):
    """The encoder of a config, and its weights."""
    tensors = encoders.write_own(folder, config, **besides)
    return package.load(folder), Weights(tensors)


def convolved(x, weight, bias=None, stride=1, pad=0):
    """A convolution of [N, C, H, W]."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], (2, 3))
    y = np.einsum("nchwij,ocij->nohw", windows[:, :, ::stride, ::stride], weight, optimize=True)
    return y if bias is None else y + bias[None, :, None, None]


def largest(x, size, stride, before=0, behind=0):
    x = np.pad(x, ((0, 0), (0, 0), (before, behind), (before, behind)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))
    return windows[:, :, ::stride, ::stride].max((-1, -2))


def normed(w, x, name):
    def channel(leaf):
        return w[f"{name}.{leaf}"][None, :, None, None]

    x = (x - channel("running_mean")) / np.sqrt(channel("running_var") + 1e-5)
    return x * channel("weight") + channel("bias")


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def images(side):
    return encoders._random("images").standard_normal((2, 3, side, side)).astype(np.float32)


# Of 31 places Caffe's windows see all; of 32 the last one reaches behind the edge.
@pytest.mark.parametrize(("squeeze", "side", "behind"), [(0, 62, 0), (4, 64, 1)])
def test_resnet_and_senet_of_fer_plus(tmp_path, squeeze, side, behind):
    config = {
        "model_type": "ferplus",
        "stem": 4,
        "narrow": [4, 4, 8, 8],
        "depths": [1, 1, 1, 2],
        "squeeze": squeeze,
    }
    besides = {  # what stands behind the features
        "conv5_3_1x1_increase.weight": np.zeros((2, 2), np.float32),
        "conv5_3_1x1_increase_bn.bias": np.zeros(2, np.float32),
        "conv5_3_1x1_up.bias": np.zeros(2, np.float32),
        "classifier.bias": np.zeros(8, np.float32),
        "conv1_7x7_s2_bn.num_batches_tracked": np.zeros((), np.int64),
    }
    encoder, w = made(tmp_path / "model", config, **besides)

    def unit(x, name, stride=1, pad=0):
        return normed(w, convolved(x, w[f"{name}.weight"], None, stride, pad), f"{name}_bn")

    x = relu(unit(images(side), "conv1_7x7_s2", 2, 3))
    x = largest(x, 3, 2, 0, behind)
    for stage, depth in enumerate(config["depths"], 2):
        for block in range(1, depth + 1):
            name, stride = f"conv{stage}_{block}", 2 if block == 1 and stage > 2 else 1
            y = relu(unit(x, f"{name}_1x1_reduce", stride))
            y = relu(unit(y, f"{name}_3x3", 1, 1))
            if (stage, block) == (5, 2):
                break
            y = unit(y, f"{name}_1x1_increase")
            if squeeze:
                mean = y.mean((2, 3), keepdims=True)
                down = relu(
                    convolved(mean, *(w[f"{name}_1x1_down.{k}"] for k in ("weight", "bias")))
                )
                y = y * sigmoid(
                    convolved(down, *(w[f"{name}_1x1_up.{k}"] for k in ("weight", "bias")))
                )
            x = relu(y + (unit(x, f"{name}_1x1_proj", stride) if block == 1 else x))
    assert not w.left
    np.testing.assert_allclose(encoder.hidden_states(images(side))[-1], y, rtol=0, atol=CLOSE)
    np.testing.assert_allclose(encoder.pooled(images(side)), y.mean((2, 3)), rtol=0, atol=CLOSE)
    assert encoder.pooled_size == 8


def test_ma_net(tmp_path):
    config = {
        "model_type": "manet",
        "hidden_sizes": [4, 8, 16, 16],
        "depths": [1, 1, 1, 1],
        "reduction": 8,
    }
    besides = {"fc_1.bias": np.zeros(7, np.float32), "fc_2.bias": np.zeros(7, np.float32)}
    encoder, w = made(tmp_path / "model", config, **besides)

    def unit(x, conv, norm, stride=1, pad=1):
        return normed(w, convolved(x, w[f"{conv}.weight"], None, stride, pad), norm)

    def dense(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def attended(y, name):
        def of(values):
            values = relu(dense(values, f"{name}.cbam.ChannelGate.mlp.1"))
            return dense(values, f"{name}.cbam.ChannelGate.mlp.3")

        y = y * sigmoid(of(y.mean((2, 3))) + of(y.max((2, 3))))[:, :, None, None]
        seen = np.stack([y.max(1), y.mean(1)], 1)
        place = f"{name}.cbam.SpatialGate.spatial"
        return y * sigmoid(unit(seen, f"{place}.conv", f"{place}.bn", 1, 3))

    def scaled(y, name):
        total = []
        for direction, order in ((1, range(4)), (2, range(3, -1, -1))):
            found, last = [None] * 4, 0
            for i in order:
                part = np.split(y, 4, 1)[i] + last
                which = f"{direction}_2_{i + 1}"
                found[i] = unit(part, f"{name}.conv{which}", f"{name}.bn{which}")
                last = relu(found[i])
            total.append(np.concatenate(found, 1))
        return sum(total)

    def blocks(x, name, depth, stride, kind):
        for i in range(depth):
            at, step = f"{name}.{i}", stride if i == 0 else 1
            y = relu(unit(x, f"{at}.conv1", f"{at}.bn1", step))
            y = scaled(y, at) if kind is scaled else unit(y, f"{at}.conv2", f"{at}.bn2")
            if kind is attended:
                y = attended(y, at)
            if f"{at}.downsample.0.weight" in w:
                x = unit(x, f"{at}.downsample.0", f"{at}.downsample.1", step, 0)
            x = relu(y + x)
        return x

    x = largest(relu(unit(images(64), "conv1", "bn1", 2, 3)), 3, 2, 1, 1)
    x = blocks(x, "layer1", 1, 1, None)
    x = blocks(x, "layer2", 1, 2, None)
    quarters = [x[:, :, :4, :4], x[:, :, :4, 4:], x[:, :, 4:, :4], x[:, :, 4:, 4:]]
    for i in range(4):
        y = blocks(quarters[i], f"layer3_1_p{i + 1}", 1, 2, attended)
        quarters[i] = blocks(y, f"layer4_1_p{i + 1}", 1, 1, attended)
    whole = np.concatenate([np.concatenate(quarters[:2], 3), np.concatenate(quarters[2:], 3)], 2)
    y = blocks(blocks(x, "layer3_2", 1, 2, scaled), "layer4_2", 1, 2, scaled)
    wanted = np.concatenate([whole.mean((2, 3)), y.mean((2, 3))], 1)
    assert not w.left
    np.testing.assert_allclose(encoder.pooled(images(64)), wanted, rtol=0, atol=CLOSE)
    assert encoder.pooled_size == 32


def test_wav2vec_in_a_padded_batch(tmp_path):
    config = {
        "model_type": "wav2vec",
        "conv_dim": [8, 8, 8],
        "conv_kernel": [10, 4, 1],
        "conv_stride": [5, 2, 1],
        "context_kernel": [2, 3],
    }
    besides = {"wav2vec_predictions.project_to_steps.bias": np.zeros(8, np.float32)}
    encoder, w = made(tmp_path / "model", config, **besides)
    clips = [encoders.sound()[:400], encoders.sound()[1000:1311]]
    padded, mask = np.full((2, 420), 7, np.float32), np.zeros((2, 420), bool)
    for i, clip in enumerate(clips):
        padded[i, : len(clip)], mask[i, : len(clip)] = clip, True
    states = [np.asarray(state) for state in encoder.hidden_states(padded, mask)]

    def unit(x, name, places, stride, bias=None):
        conv, norm = (f"{name}.{place}" for place in places)
        x = convolved(x[None, :, None], w[f"{conv}.weight"][:, :, None], bias, stride)[0, :, 0]
        x = (x - x.mean()) / np.sqrt(x.var() + 1e-5)  # over channels and time
        return relu(x * w[f"{norm}.weight"][:, None] + w[f"{norm}.bias"][:, None])

    for i, clip in enumerate(clips):
        x = clip[None].astype(np.float64)
        for layer, stride in enumerate(config["conv_stride"]):
            x = unit(x, f"feature_extractor.conv_layers.{layer}", (0, 2), stride)
        x = np.log(np.abs(x) + 1)
        wanted = [x.T]
        for layer, kernel in enumerate(config["context_kernel"]):
            name = f"feature_aggregator.conv_layers.{layer}"
            before = np.concatenate([np.repeat(x[:, :1], kernel - 1, 1), x], 1)
            x = (unit(before, name, (1, 3), 1, w[f"{name}.1.bias"]) + x) * np.sqrt(0.5)
            wanted.append(x.T)
        assert encoder.frames(len(clip)) == x.shape[1] == len(wanted[0])
        for state, each in zip(states, wanted, strict=True):
            np.testing.assert_allclose(state[i, : len(each)], each, rtol=0, atol=CLOSE)
    assert not w.left
    assert encoder.least == 25
    assert encoder.frames(25) == 1


def test_vggish(tmp_path):
    config = {
        "model_type": "vggish",
        "channels": [4, 4, 6],
        "pooled": [True, False, True],
        "dense": [8, 6, 5],
    }
    encoder, w = made(tmp_path / "model", config)
    mel = encoders._random("mel").standard_normal((2, vggish.FRAMES, vggish.BINS))
    x = mel[:, None]
    for place, is_pooled in ((0, True), (3, False), (5, True)):
        name = f"features.{place}"
        x = relu(convolved(x, w[f"{name}.weight"], w[f"{name}.bias"], 1, 1))
        x = largest(x, 2, 2) if is_pooled else x
    x = x.transpose(0, 2, 3, 1).reshape(2, -1)
    for place in (0, 2, 4):
        x = x @ w[f"embeddings.{place}.weight"].T + w[f"embeddings.{place}.bias"]
        x = relu(x)
    assert not w.left
    assert 0 < (x > 0).mean() < 1  # the last rectifier is seen
    np.testing.assert_allclose(encoder.pooled(mel), x, rtol=0, atol=CLOSE)


def test_vggish_s_log_mel():
    sound = encoders.sound()
    time, bins = np.arange(400), np.arange(257)
    wave = np.exp(-2j * np.pi * time[:, None] * bins[None] / 512)
    window = np.sin(np.pi * time / 400) ** 2
    edges = 1127 * np.log(1 + np.array([125, 7500]) / 700)
    edges = np.linspace(*edges, 66)
    mel = 1127 * np.log(1 + bins * 16_000 / 512 / 700)
    frames = []
    for begin in range(0, len(sound) - 400 + 1, 160):
        size = np.abs((sound[begin : begin + 400] * window) @ wave)
        frames.append([np.interp(mel, edges[i : i + 3], [0, 1, 0]) @ size for i in range(64)])
    found = vggish.log_mel(sound)
    assert found.shape == (29, 64) and found.dtype == np.float32
    np.testing.assert_allclose(found, np.log(np.array(frames) + 0.01), rtol=0, atol=CLOSE)
    assert vggish.log_mel(sound[:399]).shape == (0, 64)
