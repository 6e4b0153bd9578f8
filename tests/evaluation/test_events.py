"""TensorBoard's event files, live and in the end, read back."""

import errno
import io

import matplotlib.figure
import numpy as np
import pytest
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

from mer_jax.evaluation import events
from mer_jax.semi import log
from mer_jax.task import Task
from mer_jax.training.grid import Outcome, Snapshot
from mer_jax.training.plan import Chunk, Run
from tests.support.event_files import runs_in, scalars_of, values_of
from tests.support.runs import static_of

TASK = Task(classes=("calm", "tense"), valence_range=None)
EPOCHS = 4
RUNS = (Run(0, 0, 0), Run(0, 0, 1), Run(1, 0, 0))


def curves_of(*runs):
    """A float32 history of each number: the number plus the epoch."""
    values = np.array(runs, np.float32)[:, None] + np.arange(EPOCHS, dtype=np.float32)
    by_class = np.stack([values, -values], axis=-1)
    return {"loss": values, "dis": values / 10, "acc": values / 20, log.BALANCE: by_class}


def snapshot(before, epoch, history=None, number=1):
    """What the host sees of RUNS, one of which is copied to fill the chunk's width."""
    history = history or curves_of(10.0, 20.0, 30.0, 30.0)
    known = {name: np.array(values) for name, values in history.items()}
    for values in known.values():
        values[:, epoch:] = np.nan
    chunk = Chunk(static_of(epochs=EPOCHS, task=TASK), RUNS, 4)
    return Snapshot(number, chunk, before, epoch, np.full(3, np.nan), known)


@pytest.fixture
def clock(monkeypatch):
    """The time that the recorder sees: a list whose last number it is."""
    times = [100.0]
    monkeypatch.setattr(events, "_clock", lambda: times[-1])
    return times


def loss_of(workdir, trial):
    folder = workdir / "tensorboard" / "training" / trial / "chunk_02"
    return scalars_of(folder)["train/loss"]


def test_a_chunk_writes_the_mean_of_each_trials_runs_as_it_trains(tmp_path, clock):
    live = events.Live(tmp_path)
    live(snapshot(0, 0))
    clock.append(clock[-1] + events.WRITE_SECONDS)
    live(snapshot(0, 2))
    assert loss_of(tmp_path, "trial_01") == [(0, 15.0), (1, 16.0)]
    assert loss_of(tmp_path, "trial_02") == [(0, 30.0), (1, 31.0)]
    live(snapshot(2, 3))
    assert len(loss_of(tmp_path, "trial_01")) == 2, "no sooner than every few seconds"
    live(snapshot(3, 4))
    assert loss_of(tmp_path, "trial_01") == [(e, 15.0 + e) for e in range(4)], "all at the end"
    found = scalars_of(tmp_path / "tensorboard" / "training" / "trial_02" / "chunk_02")
    assert found["validation/dis"][3] == (3, pytest.approx(3.3))
    assert found["pool/balance_tense"][1] == (1, -31.0)
    live.close()


@pytest.mark.parametrize("left", [2, EPOCHS])
def test_a_chunk_that_is_found_is_written_anew(tmp_path, clock, left):
    """A process that was killed had written more than it had saved."""
    killed = events.Live(tmp_path)
    killed(snapshot(0, 0))
    clock.append(clock[-1] + events.WRITE_SECONDS)
    killed(snapshot(0, 3))
    killed.close()
    assert len(loss_of(tmp_path, "trial_01")) == 3
    live = events.Live(tmp_path)
    live(snapshot(left, left))
    assert [epoch for epoch, _ in loss_of(tmp_path, "trial_01")] == list(range(left))
    if left < EPOCHS:  # else the files are closed with the chunk
        live(snapshot(left, EPOCHS))
    assert loss_of(tmp_path, "trial_01") == [(e, 15.0 + e) for e in range(EPOCHS)]
    assert runs_in(tmp_path) == [
        f"tensorboard/training/trial_0{trial}/chunk_02" for trial in (1, 2)
    ]


def test_a_full_disk_is_told_with_the_folder(tmp_path, clock, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    live = events.Live(tmp_path)
    live(snapshot(0, 0))
    with monkeypatch.context() as patch:
        patch.setattr(events.EventsWriter, "flush", full)
        clock.append(clock[-1] + events.WRITE_SECONDS)
        with pytest.raises(OSError, match="No space left") as error:
            live(snapshot(0, 2))
    assert error.value.filename == str(tmp_path / "tensorboard" / "training")
    live.close()


def test_what_is_no_number_is_left_out(tmp_path, clock):
    history = curves_of(10.0, 20.0, 30.0, 30.0)
    history["loss"][0, 1:] = np.nan  # of a trial's two runs one failed
    history["loss"][2, 2] = np.inf
    live = events.Live(tmp_path)
    live(snapshot(0, 0))
    live(snapshot(0, EPOCHS, history))
    assert loss_of(tmp_path, "trial_01") == [(0, 15.0), (1, 21.0), (2, 22.0), (3, 23.0)]
    assert loss_of(tmp_path, "trial_02") == [(0, 30.0), (1, 31.0), (3, 33.0)]


def outcomes():
    """Two trials of two folds; the third trial's one run failed."""
    found = []
    for trial, fold, start in ((0, 0, 1.0), (0, 1, 3.0), (1, 0, 5.0), (1, 1, 9.0)):
        history = {name: curve[0] for name, curve in curves_of(start).items()}
        at_best = {"dis": history["dis"][1], "acc": history["acc"][1]}
        found.append(Outcome(Run(trial, 0, fold), 1, at_best, history))
    nothing = {name: np.full_like(curve, np.nan) for name, curve in found[0].history.items()}
    failed = Outcome(Run(2, 0, 0), -1, {"dis": np.nan, "acc": np.nan}, nothing, failed_epoch=0)
    return [*found, failed]


TRIALS = [
    {"model.fusion": "attention", "model.hidden": 8, "train.learning_rate": 1e-3},
    {"model.fusion": "attention", "model.hidden": 16, "train.learning_rate": 1e-3},
    {"model.fusion": "attention_release", "model.layers": "8,6", "train.learning_rate": 1e38},
]


def plugin_of(values, name):
    """The content of a tag of the HParams tab."""
    ((_, value),) = values[f"_hparams_/{name}"]
    assert value.metadata.plugin_data.plugin_name == "hparams"
    return HParamsPluginData.FromString(value.metadata.plugin_data.content)


def test_every_trial_is_a_row_of_the_hparams_tab(tmp_path):
    events.write(tmp_path, outcomes(), TRIALS, 1, TASK)
    folder = tmp_path / "tensorboard" / "trials"
    experiment = plugin_of(values_of(folder), "experiment").experiment
    assert {info.name for info in experiment.hparam_infos} == {
        "model.fusion", "model.hidden", "model.layers", "train.learning_rate",
    }  # fmt: skip
    assert [info.name.tag for info in experiment.metric_infos] == [
        "cross_validation/dis", "cross_validation/acc",
    ]  # fmt: skip
    for number, (trial, dis) in enumerate(zip(TRIALS, (0.3, 0.8, None), strict=True), start=1):
        values = values_of(folder / f"trial_0{number}")
        begun = plugin_of(values, "session_start_info").session_start_info.hparams
        given = {
            key: value.string_value if value.HasField("string_value") else value.number_value
            for key, value in begun.items()
        }
        assert given == trial
        scalars = scalars_of(folder / f"trial_0{number}")
        assert ("_hparams_/session_end_info" in values) == (dis is not None)
        if dis is None:
            assert scalars == {}
        else:
            assert scalars["cross_validation/dis"] == [(0, pytest.approx(dis))]
            assert scalars["cross_validation/acc"] == [(0, pytest.approx(dis / 2))]
            assert scalars["train/loss"][0] == (0, {1: 2.0, 2: 7.0}[number])


def test_the_best_trials_runs_and_their_mean_replace_what_was_live(tmp_path):
    live = events.Live(tmp_path)
    live(snapshot(0, 0))
    live(snapshot(0, EPOCHS))
    events.write(tmp_path, outcomes(), TRIALS, 1, TASK)
    folder = tmp_path / "tensorboard"
    assert runs_in(folder) == [
        "best/repeat_0", "best/repeat_0/fold_0", "best/repeat_0/fold_1",
        "trials", "trials/trial_01", "trials/trial_02", "trials/trial_03",
    ]  # fmt: skip
    for where, start in (("", 7.0), ("fold_0", 5.0), ("fold_1", 9.0)):
        found = scalars_of(folder / "best" / "repeat_0" / where)
        assert found["train/loss"] == [(e, start + e) for e in range(EPOCHS)]
        assert found["validation/acc"][2] == (2, pytest.approx((start + 2) / 20))
        assert found["pool/balance_calm"][2] == (2, start + 2)
    assert [path.name for path in tmp_path.iterdir()] == ["tensorboard"], "nothing is left beside"


def test_figures_are_there(tmp_path):
    picture = io.BytesIO()
    matplotlib.figure.Figure(figsize=(3, 2)).savefig(picture, format="png", dpi=10)
    for pictures in ({"old": picture.getvalue()}, {"pool": picture.getvalue()}):
        events.write_figures(tmp_path, pictures)
    ((tag, ((step, value),)),) = values_of(tmp_path / "tensorboard" / "figures").items()
    assert (tag, step) == ("pool", 0)
    assert (value.image.width, value.image.height) == (30, 20)
    assert value.image.encoded_image_string == picture.getvalue()
    assert [path.name for path in (tmp_path / "tensorboard").iterdir()] == ["figures"]
