"""The engine of a Ray cluster, with a module in place of Ray's that loses what it is told to."""

import contextlib
import dataclasses
import platform
import re
import socket
import sys
import threading

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra extract is not installed")

from mer_jax import command_line
from mer_jax.errors import InputError
from mer_jax.extraction import clips as clips_lib
from mer_jax.extraction import engine, plan, ray_connection
from mer_jax.extraction.ray_engine import Cluster
from mer_jax.extraction.record import IMAGES, TEXT
from tests.support import media as made
from tests.support.extractors import Colour, Letters, Loudness, wanted
from tests.support.stand_in_ray import StandIn

CLIPS = 10


@pytest.fixture
def ray(monkeypatch):
    found = StandIn()
    monkeypatch.setitem(sys.modules, "ray", found)
    monkeypatch.setattr(plan, "WINDOW", 4)
    return found


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Clips with sound, images and a text, but one that holds nothing."""
    folder = tmp_path_factory.mktemp("clips")
    for i in range(CLIPS):
        image = np.full((16, 16, 3), 20 * i, np.uint8)
        made.write(folder / f"c{i}.mkv", made.tone(0.1 + 0.02 * (i * 7 % 5), 200), [image] * 2)
    (folder / "c3.mkv").write_bytes(b"no film")
    return [clip._replace(text="a" * i) for i, clip in enumerate(clips_lib.of_folder(folder))]


def sets():
    return [
        wanted("A", Loudness(), batch=3), wanted("B", Loudness(), threads=True),
        wanted("C", Colour(), IMAGES), wanted("T", Letters(), TEXT, batch=2),
    ]  # fmt: skip


def files_of(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.*")}


@pytest.fixture
def one(ray, clips, tmp_path):
    """What one process makes of the clips."""
    engine.run(sets(), clips, tmp_path / "one", workers=1)
    return files_of(tmp_path / "one")


def on_cluster(clips, out):
    found = engine.run(sets(), clips, out, workers=Cluster("auto"))
    return found, files_of(out)


def test_nothing_lost_gives_the_folder_of_one_process(ray, clips, one, tmp_path):
    found, files = on_cluster(clips, tmp_path / "out")
    assert files == one
    assert len(found.failed["A_UTT"]) == len(found.failed["C_UTT"]) == 1
    assert found.failed["T_UTT"] == {"c0": "its text is empty"}
    assert len(ray.started) == 2  # a place of encoders on each machine
    assert ray.at_once <= 2 * (2 + 2) + 2  # pieces of work, and encoders that load
    assert not ray.is_connected
    ray.called.clear()
    good = [clip for clip in clips if clip.name not in ("c0", "c3")]
    found, _ = on_cluster(good, tmp_path / "out")
    assert found.there == dict.fromkeys(["A_UTT", "B_UTT", "C_UTT", "T_UTT"], CLIPS - 2)
    assert not ray.called  # nothing to do: nobody is connected to


def test_encoders_are_placed_on_gpus_where_there_are_some(ray, clips, one, tmp_path):
    ray.resources = ({"CPU": 4}, {"CPU": 4, "GPU": 3.0})
    assert on_cluster(clips, tmp_path / "out")[1] == one
    assert ray.started == [{"num_cpus": 0, "num_gpus": 1}] * 3


@pytest.mark.parametrize(("function", "times"), [
    ("Encoders.ask", 1), ("Encoders.ask", 3), ("Encoders.ask_images", 2), ("Encoders.load", 3),
])  # fmt: skip
def test_encoders_that_end_are_loaded_anew_and_their_work_is_done_again(
    ray, clips, one, tmp_path, function, times
):
    ray.kills[function] = times
    assert on_cluster(clips, tmp_path / "out")[1] == one
    assert not ray.kills[function]
    assert len(ray.started) == 2 + times


def test_a_place_where_encoders_end_as_they_load_is_given_up(ray, clips, one, tmp_path, caplog):
    ray.kills["Encoders.load"] = 5  # the first two, and one of them three times more
    assert on_cluster(clips, tmp_path / "out")[1] == one
    assert len(ray.started) == 2 + 4
    assert "encoders ended 4 times while they were loaded; it goes on without" in caplog.text


def test_clips_whose_decoding_ends_its_process_again_and_again_are_failures(
    ray, clips, one, tmp_path
):
    # Ray itself tries four times before it says so.
    ray.kills.update({"hear": 1, "look": 1, "ask": 1})
    found, _ = on_cluster(clips, tmp_path / "out")
    assert found.failed["A_UTT"]["c0"] == "the process that decoded its audio ended 4 times"
    assert found.failed["C_UTT"]["c0"] == "the process that decoded its images ended 4 times"
    assert "the process that extracted it ended 4 times" in found.failed["B_UTT"].values()
    _, files = on_cluster(clips, tmp_path / "out")
    assert files.keys() == one.keys()
    assert files["failures.csv"] == one["failures.csv"]
    # A's batches were others without the clip, as they are where a clip fails in one process.
    alone = [name for name in one if not name.startswith("features/A_UTT")]
    assert [files[name] for name in alone] == [one[name] for name in alone]


def test_encoders_that_end_at_every_try_end_the_command(ray, clips, tmp_path):
    ray.kills["Encoders.load"] = 8  # four on each machine
    with pytest.raises(InputError, match="encoders ended 4 times while they were loaded"):
        on_cluster(clips, tmp_path / "out")
    assert not ray.is_connected
    assert not ray.kills["Encoders.load"]
    ray.kills["Encoders.ask"] = 100
    with pytest.raises(InputError, match=r"encoders ended 4 times at work on c\d, .* resumes"):
        on_cluster(clips, tmp_path / "out")


def made_by(make):
    """The set A of whatever `make` gives."""
    each = wanted("A", Loudness())
    extractor = dataclasses.replace(each.extractor, make=lambda options: make())
    return [dataclasses.replace(each, extractor=extractor)]


def test_machines_that_differ_are_refused(ray, clips, tmp_path):
    versions = iter("123")

    def make():
        manifest = {"model": "m", "settings": {}, "versions": {"numpy": next(versions)}}
        return Loudness(manifest=manifest)

    with pytest.raises(InputError) as refused:
        engine.run(made_by(make), clips, tmp_path / "out", workers=Cluster("auto"))
    assert str(refused.value) == (
        f"A_UTT: {platform.node()} has versions {{'numpy': '1'}}, and another machine of the "
        "cluster {'numpy': '2'}; give all the same weights and packages"
    )


def raising(error):
    def make():
        raise error

    return make


def test_wrong_input_that_a_machine_finds_is_one_sentence(ray, clips, tmp_path):
    for error, sentence in (
        (InputError("no weights here"), "^no weights here$"),
        (ModuleNotFoundError("No module named 'other'"),
         "a machine of the cluster: No module named 'other'; install mer_jax there"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=sentence):
            engine.run(made_by(raising(error)), clips, tmp_path / "out", workers=Cluster("auto"))
    with pytest.raises(ray.exceptions.RayTaskError):  # a bug is no wrong input
        engine.run(made_by(raising(KeyError())), clips, tmp_path / "out", workers=Cluster("auto"))
    assert not ray.is_connected


@pytest.fixture
def answering():
    """Starts a server that answers one connection with some bytes; gives its address."""
    with contextlib.ExitStack() as around:

        def start(answer):
            server = around.enter_context(socket.create_server(("127.0.0.1", 0)))

            def serve():
                peer, _ = server.accept()
                with peer:
                    peer.recv(64)
                    peer.sendall(answer)

            thread = threading.Thread(target=serve)
            thread.start()
            around.callback(thread.join)
            return f"127.0.0.1:{server.getsockname()[1]}"

        yield start


def test_addresses_without_a_cluster_are_one_sentence_each(ray, answering):
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"127.0.0.1:{server.getsockname()[1]}"
    for address, sentence in (
        (closed, "no Ray cluster answers there: Connection refused; start one with"),
        ("127.0.0.1:99999", "no Ray cluster answers there: "),
        ("ray://head:10001", "not HOST:PORT of the head"),
        ("head", "not HOST:PORT of the head"),
        (answering(b"HTTP/1.1 400 Bad Request"), "what answers there is no head of a Ray cluster"),
        (answering(b""), "what answers there is no head of a Ray cluster"),
    ):
        with pytest.raises(InputError, match=f"^--address={re.escape(address)}: {sentence}"):
            ray_connection.connected(address)
        assert not ray.is_connected

    def refused(*_, **__):
        raise ConnectionError("Could not find\n any running Ray instance")

    ray.init = refused
    with pytest.raises(InputError, match="no Ray cluster to work on: Could not find any running"):
        ray_connection.connected(answering(bytes([0, 0, 24, 4, 0, 0, 0, 0, 0])))


def test_what_is_missing_or_does_not_go_together_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    with pytest.raises(
        InputError, match=r"^--engine=ray needs ray.*: pip install 'mer_jax\[ray\]'$"
    ):
        ray_connection.connected("auto")
    command = ["mer_jax", "--mode=extract", "--sets=IS09", "--out=out"]
    for flags, sentence in (
        (["--engine=ray"], "--engine=ray needs --address=HOST:PORT"),
        (["--address=auto"], "--address goes with --engine=ray"),
        (["--engine=dask"], "--engine: unknown engine 'dask'; one of: threads, ray"),
    ):
        with pytest.raises(InputError, match=f"^{sentence}"):
            command_line.parse([*command, *flags])
