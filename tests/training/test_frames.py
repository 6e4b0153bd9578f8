"""Frames reach a model padded and masked: padding changes no logit, no statistic, no training."""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from mer_jax.corpora import MER2023
from mer_jax.data.arrays import Split
from mer_jax.data.npy import FRAME
from mer_jax.data.rows import Frames
from mer_jax.errors import InputError
from mer_jax.evaluation import ensemble
from mer_jax.experiment import train
from mer_jax.models.fusion import FUSIONS
from mer_jax.models.fusion.shared import DROPOUT, HIDDEN
from mer_jax.models.layers import TorchDense, TorchKernel
from mer_jax.training import division, frames, loop, plan, program
from mer_jax.training import sizes as sizes_lib
from mer_jax.training.buckets import NO_FRAMES
from mer_jax.training.feed import Feed
from mer_jax.training.state import Samples, run_key
from tests.support import user_folder
from tests.support.plans import NAMES, planned, trained
from tests.support.runs import samples_of
from tests.support.trainings import results_of

SIZES = {"audio": 6, "video": 4}
CLIPS = len(NAMES)


class PooledFusion(nn.Module):
    """Frames weighed by a softmax over a clip's own frames."""

    LEVEL: ClassVar = FRAME
    SETTINGS: ClassVar = (HIDDEN, DROPOUT)
    modalities: tuple[str, ...]
    hidden: int

    @nn.compact
    def __call__(self, batch, settings, train):
        """The pooled hidden frames of all modalities side by side."""
        del settings, train
        pooled = []
        for m in self.modalities:
            h_BxTxH = nn.relu(TorchDense(self.hidden, name=m)(batch.features[m]))
            # A bias would do nothing to a softmax: Adam would move it by what rounding leaves.
            kernel_Hx1, _ = TorchKernel(1, use_bias=False, name=f"{m}_score")(self.hidden)
            score_BxT = (h_BxTxH @ kernel_Hx1)[..., 0]
            score_BxT = jnp.where(batch.frame_mask[m], score_BxT, -jnp.inf)
            pooled.append(jnp.einsum("bth,bt->bh", h_BxTxH, nn.softmax(score_BxT)))
        return jnp.concatenate(pooled, -1), {}


@pytest.fixture(autouse=True)
def pooled():
    """The fusion is known while a test runs."""
    FUSIONS["pooled_frames"] = PooledFusion
    yield
    del FUSIONS["pooled_frames"]


def frames_of(seed=0, clips=CLIPS):
    """Clips of 1 to 9 frames; their labels tell in their frames."""
    rng = np.random.default_rng(seed)
    labels = samples_of(clips).labels
    features = {}
    for modality, size in SIZES.items():
        lengths = rng.integers(1, 10, clips)
        of_clips = [
            (rng.normal(size=(n, size)) + emotion).astype(np.float32)
            for n, emotion in zip(lengths, labels.emotion, strict=True)
        ]
        features[modality] = Frames.of_clips(of_clips)
    return Samples(features, labels)


def longer(grid_plan, more):
    """The same feed whose batches have more frames of padding."""

    def extended(x):
        return dataclasses.replace(x, longest=x.longest + more)

    feed = Feed(grid_plan)
    samples = feed.resident
    features = {m: extended(x) for m, x in samples.features.items()}
    pool = samples.pool
    if pool is not None:
        pool = pool._replace(features={m: extended(x) for m, x in pool.features.items()})
    return samples._replace(features=features, pool=pool)


def state_after(grid_plan, samples, epochs=3, lengths=NO_FRAMES):
    """Two runs of the plan's first program on some samples."""
    groups = plan.group(grid_plan.config, grid_plan.trials, ("audio", "video"), MER2023.task)
    (static,) = groups
    pool_size = 0 if samples.pool is None else len(samples.pool.number)
    program_of = loop.make_train(
        static, grid_plan.whole_batches, pool_size=pool_size, lengths=lengths
    )
    stack = lambda *leaves: np.stack(leaves)  # noqa: E731
    folds = jax.tree.map(stack, *(grid_plan.folds[0, fold] for fold in range(2)))
    hparams = jax.tree.map(np.float32, program.hparams_of(grid_plan.trials[0]))
    hparams = jax.tree.map(lambda x: np.stack([x, x]), hparams)
    keys = jnp.stack([run_key(0, 0, fold) for fold in range(2)])
    state = program_of.init(hparams, folds, samples, keys)
    return program_of.advance(hparams, folds, samples, state, jnp.int32(0), jnp.int32(epochs))


def same(a, b, **tolerance):
    for ours, theirs in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(ours, theirs, **tolerance)


# Clips on the device and on the host


@pytest.mark.parametrize("where", [frames.on_device, frames.HostFrames])
def test_a_batch_is_padded_to_the_longest_clip_of_all(where):
    x = frames_of().features["audio"]
    held = jax.device_put(where(x))
    assert held.shape == x.shape
    index = jnp.array([5, 0, 5, 59])
    padded, mask = jax.jit(held.padded)(index)
    expected, expected_mask = x[np.asarray(index)].padded(x.shape[1])
    np.testing.assert_array_equal(padded, expected)
    np.testing.assert_array_equal(mask, expected_mask)
    of_two = jax.vmap(held.padded)(index.reshape(2, 2))[0]
    np.testing.assert_array_equal(of_two.reshape(padded.shape), padded)


def test_a_subset_takes_no_other_clips_frames_to_the_device():
    x = frames_of().features["audio"]
    rows = np.array([3, 1])
    held = frames.on_device(x[rows])
    assert len(held.values) == x.length[rows].sum()
    np.testing.assert_array_equal(
        jax.device_put(held).padded(jnp.array([1]))[0][0, : x.length[1]], x.clip(1)
    )


# Training


def plan_of(samples=None, **changes):
    return planned(
        samples or frames_of(),
        **{
            "model__fusion": "pooled_frames",
            "data__labelled_fraction": 1.0,
            "folds": 3,
            "frames__buckets": 1,
            **changes,
        },
    )


VIEWS = "modality_dropout 0.3, mixup 0.3, time_masking 0.5"


@pytest.mark.parametrize(
    "changes",
    [
        {"data__standardise": True, "train__views": VIEWS},
        {
            "semi__method": "fixmatch", "data__labelled_fraction": 0.5, "semi__weak": "mixup 0.2",
            "semi__strong": f"neighbours 0.5, {VIEWS}",
        },
    ],
    ids=["supervised", "semi-supervised"],
)  # fmt: skip
def test_longer_padding_changes_no_training(changes):
    grid_plan = plan_of(**changes)
    short = state_after(grid_plan, Feed(grid_plan).resident)
    long = state_after(grid_plan, longer(grid_plan, 5))
    same(short.params, long.params, rtol=2e-4, atol=2e-5)
    same(short.history, long.history, rtol=2e-3, atol=2e-4)
    assert np.isfinite(short.history["loss"][:, :3]).all()


def test_frames_that_stay_on_the_host_train_alike():
    on_device = trained(plan_of())
    grid_plan = plan_of(data__device_bytes=100)
    assert isinstance(Feed(grid_plan).resident.features["audio"], frames.HostFrames)
    same(on_device.params, trained(grid_plan).params, rtol=1e-4, atol=1e-5)


def test_a_pool_of_frames_that_is_too_large_is_fetched_by_step():
    pool = frames_of(seed=1, clips=200)
    hidden = pool.labels._replace(emotion_mask=np.zeros(200, bool))
    split = Split(np.array([f"pool_{i:03d}" for i in range(200)]), pool.features, hidden)
    samples = frames_of()
    size = sum(x.nbytes for x in samples.features.values())
    grid_plans = [
        planned(
            samples, split, model__fusion="pooled_frames", data__labelled_fraction=1.0,
            frames__buckets=1,
            semi__method="fixmatch", semi__strong="neighbours 0.5", data__device_bytes=limit,
        )
        for limit in (0, size + 1)
    ]  # fmt: skip
    feed = Feed(grid_plans[1])
    assert isinstance(feed.resident.pool.features["audio"], frames.HostFrames)
    assert isinstance(feed.resident.features["audio"], frames.DeviceFrames)
    same(*(trained(each).params for each in grid_plans), rtol=1e-4, atol=1e-5)


def test_buckets_pad_less_and_train_as_their_batches_do():
    """Runs in three lengths equal those whose batches are the same, padded to the longest."""
    grid_plan = plan_of(frames__buckets=3, train__batch_size=8)
    lengths = grid_plan.lengths
    assert len(lengths.train) == 3
    longest = [bucket.longest["audio"] for bucket in lengths.train]
    assert longest == sorted(set(longest)) and longest[-1] == 9
    as_long = tuple(bucket._replace(frames=lengths.train[-1].frames) for bucket in lengths.train)
    samples = Feed(grid_plan).resident
    padded_less = state_after(grid_plan, samples, lengths=lengths)
    padded_more = state_after(grid_plan, samples, lengths=lengths._replace(train=as_long))
    same(padded_less.params, padded_more.params, rtol=2e-3, atol=2e-4)
    same(padded_less.history, padded_more.history, rtol=2e-3, atol=2e-4)
    assert np.isfinite(padded_less.history["loss"][:, :3]).all()


def test_statistics_are_of_frames_and_not_of_padding():
    samples = frames_of()
    grid_plan = plan_of(samples, data__standardise=True)
    fold = grid_plan.folds[0, 1]
    rows = fold.train_index[fold.train_weight > 0]
    for modality, x in samples.features.items():
        every = np.concatenate([x.clip(row) for row in rows]).astype(np.float64)
        mean, deviation = fold.scaler[modality]
        np.testing.assert_allclose(mean, every.mean(0), rtol=1e-6)
        np.testing.assert_allclose(deviation, every.std(0), rtol=1e-6)
    config = grid_plan.config.copy_and_resolve_references()
    config.data.standardise = False
    config.train.views = "noise 0.1"
    fold = division.make_folds(config, samples, NAMES, None)[0, 1]
    np.testing.assert_allclose(fold.deviation["audio"], deviation_of(samples, rows), rtol=1e-6)


def deviation_of(samples, rows):
    x = samples.features["audio"]
    return np.concatenate([x.clip(row) for row in rows]).astype(np.float64).std(0)


# Predictions


def test_predictions_depend_on_no_padding_and_no_order():
    grid_plan = plan_of(data__standardise=True)
    state = trained(grid_plan)
    (static,) = plan.group(grid_plan.config, grid_plan.trials, ("audio", "video"), MER2023.task)
    assert static.level == FRAME
    scalers = [grid_plan.folds[0, fold].scaler for fold in range(2)]
    scaler = jax.tree.map(lambda *leaves: np.stack(leaves), *scalers)
    kept = {"params": state.best.params, "model_state": {}, "scaler": scaler}
    hparams = program.hparams_of(grid_plan.trials[0])
    x = frames_of(seed=3, clips=20)

    def predict(features, size=4096):
        return ensemble.predict(static, hparams, kept, features, size)

    whole = predict(x.features)
    order = np.random.default_rng(0).permutation(20)
    permuted = predict({m: each[order] for m, each in x.features.items()})
    same(permuted, jax.tree.map(lambda y: y[:, order], whole), rtol=1e-5, atol=1e-6)
    same(predict(x.features, size=30), whole, rtol=1e-5, atol=1e-6)  # three clips at a time
    for row in (0, 7):  # alone, so without padding
        alone = predict({m: each[row : row + 1] for m, each in x.features.items()})
        same(
            alone, jax.tree.map(lambda y, row=row: y[:, row : row + 1], whole), rtol=1e-5, atol=1e-6
        )


# The rule for the chunk


def test_long_clips_make_chunks_narrow():
    config = plan_of().config
    groups = plan.group(config, [plan_of().trials[0]], ("audio", "video"), MER2023.task)
    sizes = {"audio": 64, "video": 64}
    widths = [plan.widths(config, groups, sizes, frames=n)[0] for n in (1, 300, 10_000)]
    assert widths[0] > widths[1] > widths[2] == 1


def test_activations_are_counted_by_hand():
    (static,) = plan.group(plan_of().config, plan_of().trials[:1], ("audio",), MER2023.task)
    batch, hidden = static.batch_size, 8
    found = [sizes_lib.activation_bytes(static, {"audio": 64}, n) for n in (10, 20)]
    by_frame = (found[1] - found[0]) / (10 * batch)
    # At least a frame itself and its hidden vector, as float32; at most a few copies of them.
    assert 4 * (64 + hidden) <= by_frame <= 3 * 4 * (64 + hidden)


# From a folder to results


@pytest.fixture
def root(tmp_path):
    """A folder with frames of unlike lengths and with vectors."""
    names = user_folder.write_mer2023(tmp_path / "user")
    rng = np.random.default_rng(0)
    every = sorted({name for split in names.values() for name in split})
    clips = {name: rng.normal(size=(rng.integers(1, 6), 5)).astype(np.float32) for name in every}
    user_folder.write_features(tmp_path / "user", "faces_FRA", clips)
    return tmp_path / "user"


def config_of(root, **changes):
    small = {
        "model__fusion": "pooled_frames", "model__hidden": 4, "train__epochs": 2, "folds": 2,
        "repeats": 1, "train__learning_rate": 1e-2, "evaluate__bootstrap": 0,
        "train__tensorboard": False, "features__video": "faces_FRA",
    }  # fmt: skip
    return user_folder.config(root, root.parent / "tfds", **{**small, **changes})


def test_a_frame_level_fusion_trains_from_a_folder_to_results(root, tmp_path, caplog):
    train(config_of(root), tmp_path / "work")
    results = results_of(tmp_path / "work")
    assert {run["status"] for run in results["runs"]} == {"ok"}
    predicted = (tmp_path / "work" / "predictions" / "mer_multi.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in predicted] == ["name", "multi_0", "multi_1"]
    assert "averaged over time" not in caplog.text


def test_what_was_left_out_stands_in_the_results_and_in_the_report(root, tmp_path):
    (root / "features" / "faces_FRA" / "train_00.npy").write_bytes(b"")
    (root / "features" / "faces_FRA" / "multi_1.npy").unlink()
    (root / "features" / "faces_FRA" / "multi_0 (1).npy").write_bytes(user_folder.npy([1.0] * 5))
    config = config_of(root, data__bad="drop", data__missing="zero", report=True)
    train(config, tmp_path / "work")
    assert results_of(tmp_path / "work")["left_out"] == [
        {"split": "unlabelled", "features": "faces_FRA", "reason": "copy", "handled": "drop",
         "clips": 1},
        {"split": "train", "features": "faces_FRA", "reason": "bad", "handled": "drop", "clips": 1},
        {"split": "mer_multi", "features": "faces_FRA", "reason": "missing", "handled": "zero",
         "clips": 1},
    ]  # fmt: skip
    report = (tmp_path / "work" / "report.md").read_text()
    assert "1 clip of train with a bad file in faces_FRA; 1 clip of mer_multi without" in report
    assert "features in faces_FRA, filled with zeros" in report


def test_vectors_and_frames_have_grids_of_their_own(root, tmp_path):
    with pytest.raises(InputError, match=r"'pooled_frames' takes frames and 'attention' one"):
        train(config_of(root, model__fusion=("attention", "pooled_frames")), tmp_path / "work")
    assert not (tmp_path / "work").exists()
