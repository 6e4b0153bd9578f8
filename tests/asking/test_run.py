"""--mode=ask against a server on the loopback address that misbehaves in every known way."""

import base64
import collections
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading

import pytest
from PIL import Image

from mer_jax.asking import client as client_lib
from mer_jax.errors import InputError
from tests.support import scoring
from tests.support.stub_server import images_of, ranks, says, serving, text_of

CANDIDATES = "happy,sad"


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """The seconds that the client would have waited."""
    found = []
    monkeypatch.setattr(client_lib.Client.__init__, "__kwdefaults__", {"wait": found.append})
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return found


@pytest.fixture
def texts(tmp_path):
    """A CSV of five texts."""
    rows = [[f"c{i}", f"text number {i}"] for i in range(5)]
    return scoring.write_csv(tmp_path / "inputs.csv", ["Name", "text "], rows)


def arguments(stub, inputs, *more, out="answers.jsonl"):
    return [
        "--mode=ask", f"--server={stub.url}", "--model=stub-1", f"--inputs={inputs}",
        "--prompt=sentiment_text", f"--candidates={CANDIDATES}",
        f"--out={inputs.parent / out}", *more,
    ]  # fmt: skip


def lines(inputs, out="answers.jsonl"):
    return [json.loads(line) for line in (inputs.parent / out).read_text().splitlines()]


def answers(inputs):
    """The answer of each name that has one."""
    found = {}
    for line in lines(inputs):
        if line["answers"] is not None:
            found.update(zip(line["names"], line["answers"], strict=True))
    return found


def asked(request):
    """The numbers of the texts in a request."""
    return re.findall(r"text (?:number )?(\d+)", text_of(request))


def right(request, _times=0):
    """A right answer: happy for even texts, sad for odd ones."""
    numbers = [int(n) for n in asked(request)]
    return ranks(*(["happy", "sad"] if n % 2 == 0 else ["sad", "happy"] for n in numbers))


RIGHT = {f"c{i}": ["happy", "sad"] if i % 2 == 0 else ["sad", "happy"] for i in range(5)}


def test_a_batch_its_record_and_the_score(texts, capsys):
    with serving(right) as stub:
        scoring.run(*arguments(stub, texts))
        assert len(stub.requests) == 1
        (request,) = stub.requests
        assert (request["model"], request["temperature"], request["seed"]) == ("stub-1", 0, 0)
        assert "happy, sad" in text_of(request)
        (line,) = lines(texts)
        assert answers(texts) == RIGHT
        assert line["model_reported"] == "stub-1-reported"
        assert line["usage"] == {"prompt_tokens": 7, "completion_tokens": 2}
        assert len(line["id"]) == 64
        out = capsys.readouterr().out
        assert "5 answered, 0 refused, 0 unreadable, 0 failed; 1 requests sent." in out
        assert "--mode=score_responses --responses=" in out
        scoring.run(*arguments(stub, texts))  # nothing is asked again
        assert len(stub.requests) == 1
        scoring.run(*arguments(stub, texts, "--seed=1", out="other.jsonl"))
        assert len(stub.requests) == 2  # a changed parameter is another request
    labels = scoring.write_csv(
        texts.parent / "labels.csv", ["name", "gt"], [[n, "HAPPY"] for n in RIGHT]
    )
    scoring.run(
        "--mode=score_responses", f"--responses={texts.parent / 'answers.jsonl'}",
        f"--labels={labels}", f"--candidates={CANDIDATES}", f"--out={texts.parent / 'scores'}",
    )  # fmt: skip
    assert scoring.scores(texts.parent / "scores")["scores"]["answers"]["accuracy"] == 0.6


BUSY = {
    "429": {"status": 429, "headers": {"Retry-After": "7"}},
    "429 with a long wait": {"status": 429, "headers": {"Retry-After": "3600"}},
    **{str(code): {"status": code} for code in (500, 502, 503, 504)},
    "reset": {"reset": True},
}


@pytest.mark.parametrize("does", BUSY.values(), ids=BUSY)
def test_a_server_that_is_busy_is_asked_again(texts, waits, does):
    with serving(lambda request, times: does if times < 3 else right(request)) as stub:
        scoring.run(*arguments(stub, texts))
        assert len(stub.requests) == 4
    (line,) = lines(texts)
    assert (line["attempts"], answers(texts)) == (4, RIGHT)
    if "headers" in does:
        assert waits == [min(float(does["headers"]["Retry-After"]), 60.0)] * 3
    else:
        for k, wait in enumerate(waits):
            assert 0.5 * 2**k <= wait <= 0.5 * 2 ** (k + 1)


def test_a_server_that_stays_busy_fails_and_retry_asks_anew(texts, waits):
    busy = [True]
    script = lambda request, _: {"status": 503} if busy[0] else right(request)  # noqa: E731
    with serving(script) as stub:
        flags = arguments(stub, texts, "--attempts=3", "--batch=1", "--parallel=1")
        with pytest.raises(InputError, match=r"all 5 inputs failed: c0: status 503"):
            scoring.run(*flags)
        assert len(stub.requests) == 15
        busy[0] = False
        with pytest.raises(InputError, match="all 5 inputs failed"):
            scoring.run(*flags)  # what failed is not asked again unless told
        assert len(stub.requests) == 15
        scoring.run(*flags, "--retry")
        assert len(stub.requests) == 20
    assert answers(texts) == RIGHT


def test_a_time_out_is_tried_again(texts):
    release = threading.Event()

    def script(request, times):
        if times == 0:
            release.wait(30)
        return right(request)

    with serving(script) as stub:
        scoring.run(*arguments(stub, texts, "--timeout=0.2"))
        release.set()
        assert len(stub.requests) == 2
    assert answers(texts) == RIGHT
    assert lines(texts)[0]["attempts"] == 2


@pytest.mark.parametrize("code", [400, 404, 422])
def test_what_the_server_will_not_take_is_told_and_not_repeated(texts, code):
    with serving(lambda *_: {"status": code, "body": b"no such thing"}) as stub:
        with pytest.raises(InputError, match=rf"all 5 inputs failed: c0: status {code}: no such"):
            scoring.run(*arguments(stub, texts))
        assert len(stub.requests) == 1
    assert lines(texts)[0]["error"] == f"status {code}: no such thing"


TOO_LONG = {
    "413": {"status": 413},
    "400, too long": {"status": 400, "body": {"error": "exceeds maximum context length"}},
    "200, too long": {"body": {"error": {"message": "the prompt is too long"}}},
    "cut off": says('{"name": "text-1", "result": ["happy"', finish="length"),
    "one answer too few": ranks(["happy"]),
    "an answer too many": ranks(*[["happy"]] * 6),
    "other names": says('{"name": "text-7", "result": ["sad"]}{"name": "text-8", "result": ["a"]}'),
    "no answer": says("I see a lot of texts."),
}


@pytest.mark.parametrize("does", TOO_LONG.values(), ids=TOO_LONG)
def test_a_batch_without_exactly_its_answers_is_halved(texts, does):
    def script(request, _):
        return does if len(asked(request)) > 1 else right(request)

    with serving(script) as stub:
        scoring.run(*arguments(stub, texts, "--parallel=1"))
        sizes = [len(asked(request)) for request in stub.requests]
    assert sizes == [5, 3, 2, 1, 1, 1, 2, 1, 1]
    assert answers(texts) == RIGHT


def test_a_single_input_that_stays_unreadable_is_missing(texts, capsys):
    def script(request, _):
        return says("Hm.") if "3" in asked(request) else right(request)

    with serving(script) as stub:
        scoring.run(*arguments(stub, texts))
        assert len(stub.requests) <= 8
    assert answers(texts) == {n: a for n, a in RIGHT.items() if n != "c3"}
    assert "4 answered, 0 refused, 1 unreadable, 0 failed" in capsys.readouterr().out


BROKEN = {
    "error and no choices": {"body": {"error": "Model unloaded"}},
    "HTML": {"body": b"<html>Bad gateway</html>"},
    "no JSON": {"body": b"ok"},
    "a JSON list": {"body": []},
    "no choices": {"body": {"choices": []}},
    "choices that are none": {"body": {"choices": ["x"]}},
    "a message that is none": {"body": {"choices": [{"message": None}]}},
    "deep JSON": {"body": b"[" * 100_000},
}


@pytest.mark.parametrize("does", BROKEN.values(), ids=BROKEN)
def test_a_body_that_is_no_answer_is_a_failed_one(texts, does):
    with serving(lambda *_: does) as stub:
        with pytest.raises(InputError, match=r"all 5 inputs failed: c0: no answer in the body"):
            scoring.run(*arguments(stub, texts))
        assert len(stub.requests) == 1
    body = does["body"] if isinstance(does["body"], bytes) else json.dumps(does["body"]).encode()
    assert body[:20].decode() in lines(texts)[0]["error"]


REFUSALS = {
    "content null": says(None),
    "refusal": says(None, refusal="I will not."),
    "content filter": says("", finish="content_filter"),
    "in words": says("I'm sorry, but I can't help with that."),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_batch_is_asked_singly_once(texts, name, capsys):
    def script(request, _):
        return (
            REFUSALS[name] if len(asked(request)) > 1 or "3" in asked(request) else right(request)
        )

    with serving(script) as stub:
        scoring.run(*arguments(stub, texts))
        assert collections.Counter(len(asked(r)) for r in stub.requests) == {5: 1, 1: 5}
    assert lines(texts)[0]["status"] == "refused"
    assert answers(texts) == {n: a for n, a in RIGHT.items() if n != "c3"}
    assert "4 answered, 1 refused" in capsys.readouterr().out


def test_a_single_that_the_server_refuses_is_asked_once_more(texts):
    with serving(lambda request, times: right(request) if times else says(None)) as stub:
        scoring.run(*arguments(stub, texts, "--batch=1"))
        assert len(stub.requests) == 10
    assert answers(texts) == RIGHT
    assert {line["attempts"] for line in lines(texts)} == {2}


def test_thoughts_and_parts_of_a_content(texts):
    def script(request, _):
        text = right(request)["body"]["choices"][0]["message"]["content"]
        thought = "<think>text-1 is {'name': 'text-1', 'result': ['sad']}</think>"
        parts = [{"type": "text", "text": thought}, {"type": "text", "text": text}]
        return says(parts, finish="length")  # every answer is closed

    with serving(script) as stub:
        scoring.run(*arguments(stub, texts))
        assert len(stub.requests) == 1
    assert answers(texts) == RIGHT


@pytest.mark.parametrize("code", [401, 403])
@pytest.mark.parametrize("key", [None, "secret-key"])
def test_a_refused_key_stops_at_once(texts, monkeypatch, code, key):
    if key:
        monkeypatch.setenv("MY_KEY", key)
    named = ["--api_key_env=MY_KEY"] if key else []
    with serving(lambda *_: {"status": code}) as stub:
        with pytest.raises(InputError) as refusal:
            scoring.run(*arguments(stub, texts, "--batch=1", "--parallel=1", *named))
        assert len(stub.requests) == 1
        assert stub.headers[0].get("Authorization") == (f"Bearer {key}" if key else None)
    wanted = "MY_KEY is not right" if key else "OPENAI_API_KEY is not set"
    assert wanted in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_a_key_that_the_server_repeats_is_not_stored(texts, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    script = lambda request, _: (  # noqa: E731
        {"status": 400, "body": b"bad: secret-key"} if "0" in asked(request) else right(request)
    )
    with serving(script) as stub:
        scoring.run(*arguments(stub, texts, "--batch=1"))
    text = (texts.parent / "answers.jsonl").read_text()
    assert "bad: ***" in text
    assert "secret" not in text


def test_a_redirect_is_not_followed(texts):
    moved = {"status": 307, "headers": {"Location": "http://example.org/v1"}}
    with serving(lambda *_: moved) as stub, pytest.raises(InputError, match="redirects to http"):
        scoring.run(*arguments(stub, texts))
    assert len(stub.requests) == 1


def test_proxies_of_the_environment_are_ignored_for_this_machine(texts, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(right) as stub:
        scoring.run(*arguments(stub, texts))
    assert answers(texts) == RIGHT


def test_equal_requests_in_flight_are_sent_once(tmp_path):
    rows = [["a", "text 2"], ["b", "text 2"], ["c", "text 2"]]
    inputs = scoring.write_csv(tmp_path / "inputs.csv", ["name", "text"], rows)
    with serving(right) as stub:
        scoring.run(*arguments(stub, inputs, "--batch=1"))
        assert len(stub.requests) == 1
        assert answers(inputs) == {name: ["happy", "sad"] for name in "abc"}
        before = len(lines(inputs))
        scoring.run(*arguments(stub, inputs, "--batch=1"))
        assert (len(stub.requests), len(lines(inputs))) == (1, before)


def test_images_go_as_they_are_or_smaller(tmp_path):
    for name, size in (("a.jpg", (64, 32)), ("b.png", (10, 20)), ("c.bmp", (8, 8))):
        Image.new("RGB", size, "red").save(tmp_path / name)
    frames = tmp_path / "frames"
    frames.mkdir()
    for i in range(7):
        Image.new("L", (i + 1, 1)).save(frames / f"{i}.png")
    rows = [["a", "a.jpg", ""], ["b", "b.png", ""], ["c", "c.bmp", ""], ["f", "", "frames"]]
    inputs = scoring.write_csv(tmp_path / "inputs.csv", ["name", "image", "frames"], rows)
    seen = []

    def script(request, _):
        seen.append(images_of(request))
        return says('{"name": "image-1", "result": ["happy"]}')

    with serving(script) as stub:
        flags = ["--prompt=expression", "--batch=1", "--parallel=1"]
        scoring.run(*arguments(stub, inputs, *flags))
        scoring.run(*arguments(stub, inputs, *flags, "--max_side=16", out="small.jsonl"))
        sent = stub.requests[0]["messages"][0]["content"][-1]["image_url"]["url"]
    whole = [[(64, 32)], [(10, 20)], [(8, 8)], [(1, 1), (3, 1), (5, 1)]]
    small = [[(16, 8)], [(8, 16)], [(8, 8)], [(1, 1), (3, 1), (5, 1)]]
    assert seen == whole + small
    assert base64.b64decode(sent.partition(",")[2]) == (tmp_path / "a.jpg").read_bytes()


OTHER_PROMPTS = {
    "describe": ("image", "a.png", "She smiles.", "She smiles."),
    "labels": ("text", "She smiles.", "```json\n['happy', 'glad']\n```", ["happy", "glad"]),
    "group": ("words", "['glad', 'happy']", "[['happy', 'glad']]", [["happy", "glad"]]),
}


@pytest.mark.parametrize("prompt", OTHER_PROMPTS)
def test_other_prompts(tmp_path, prompt):
    column, cell, text, answer = OTHER_PROMPTS[prompt]
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    inputs = scoring.write_csv(tmp_path / "inputs.csv", ["name", column], [["a", cell]])
    with serving(lambda *_: says(text)) as stub:
        scoring.run(*arguments(stub, inputs, f"--prompt={prompt}"))
    assert answers(inputs) == {"a": answer}


def test_preferences_and_a_prompt_of_the_users_own(tmp_path, capsys):
    rows = [["p", "first words", "second words"], ["q", "more", "less"]]
    inputs = scoring.write_csv(tmp_path / "inputs.csv", ["name", "a1", "a2"], rows)
    own = tmp_path / "prompt.txt"
    own.write_text("Which one? a1 says {a1}, a2 says {a2}.")
    labels = scoring.write_csv(
        tmp_path / "labels.csv", ["name", "preference"], [["p", "a1"], ["q", "a2"]]
    )
    for prompt in ("prefer", own):
        with serving(lambda *_: says("a1 is better.")) as stub:
            out = f"{len(str(prompt))}.jsonl"
            scoring.run(*arguments(stub, inputs, f"--prompt={prompt}", "--parallel=1", out=out))
            assert "first words" in text_of(stub.requests[0])
            assert "second words" in text_of(stub.requests[0])
        scoring.run(
            "--mode=score_preference", f"--labels={labels}", f"--responses={tmp_path / out}",
            f"--out={tmp_path / 'scores'}", "--resamples=0",
        )  # fmt: skip
        assert scoring.scores(tmp_path / "scores")["scores"]["two classes"]["accuracy"] == 0.5


def test_answers_of_two_settings_are_not_mixed_into_one_score(texts):
    with serving(right) as stub:
        scoring.run(*arguments(stub, texts))
        scoring.run(*arguments(stub, texts, "--seed=1"))
    with pytest.raises(InputError, match="holds answers of 2 settings"):
        scoring.run(
            "--mode=score_responses", f"--candidates={CANDIDATES}", f"--labels={texts}",
            f"--responses={texts.parent / 'answers.jsonl'}",
        )  # fmt: skip


def test_a_torn_last_line_is_cut_off_and_other_files_stay(texts):
    record = texts.parent / "answers.jsonl"
    with serving(right) as stub:
        scoring.run(*arguments(stub, texts, "--batch=1", "--parallel=1"))
        whole = record.read_bytes()
        record.write_bytes(whole[:-30])
        scoring.run(*arguments(stub, texts, "--batch=1", "--parallel=1"))
        assert len(stub.requests) == 6  # the torn one alone again
        assert answers(texts) == RIGHT
        for content in (b"name,text\n1,2\n", b"no newline", b'{"id": 1}\n', b"[1]\n{"):
            record.write_bytes(content)
            with pytest.raises(InputError, match="not what --mode=ask writes"):
                scoring.run(*arguments(stub, texts))
            assert record.read_bytes() == content
        assert len(stub.requests) == 6


def test_two_processes_do_not_write_one_record(texts):
    from mer_jax.asking import journal

    with (
        serving(right) as stub,
        journal.opened(texts.parent / "answers.jsonl"),
        pytest.raises(InputError, match="another process asks into it"),
    ):
        scoring.run(*arguments(stub, texts))


WRONG_SERVERS = {
    "no address": ("localhost:8000", "expected an address such as http://"),
    "another scheme": ("ftp://localhost/v1", "expected an address such as http://"),
    "a port that is none": ("http://localhost:99999/v1", "expected an address"),
    "remote": ("http://93.184.216.34/v1", "forbids uploading samples; --allow_remote"),
    "a password": ("http://me:secret@localhost/v1", "holds a user or a password"),
    "nobody there": ("http://127.0.0.1:9/v1", "does the server run"),
}


@pytest.mark.parametrize("name", WRONG_SERVERS)
def test_a_wrong_server(texts, name):
    server, sentence = WRONG_SERVERS[name]
    with serving(right) as stub, pytest.raises(InputError, match=sentence) as refusal:
        scoring.run(*arguments(stub, texts, f"--server={server}", "--attempts=1"))
    assert "secret" not in str(refusal.value)
    assert not (texts.parent / "answers.jsonl").exists()


def test_a_model_that_the_server_lacks(texts):
    with serving(right) as stub:
        with pytest.raises(InputError, match=r"--model=gpt: .*/v1/models lists no such.*stub-1"):
            scoring.run(*arguments(stub, texts, "--model=gpt"))
        stub.models_status = 404
        with pytest.raises(InputError, match="does its address end in /v1"):
            scoring.run(*arguments(stub, texts))
        assert not stub.requests


KILLS = int(os.environ.get("MER_JAX_KILLS", "3"))


def test_killed_at_random_it_ends_with_the_same_answers(tmp_path):
    # A process is killed at its fourth request at the latest, so that some are left for each.
    rows = [[f"c{i}", f"text number {i}"] for i in range(4 * KILLS + 1)]
    inputs = scoring.write_csv(tmp_path / "inputs.csv", ["name", "text"], rows)
    order = random.Random(0)
    moments = collections.deque(order.randrange(1, 5) for _ in range(KILLS))
    process, left = [None], [0]
    lock = threading.Lock()

    def script(request, _):
        with lock:
            left[0] -= 1
            if left[0] == 0:
                process[0].send_signal(signal.SIGKILL)
                process[0].wait()
        return right(request)

    parallel = 2
    with serving(script) as stub:
        command = [sys.executable, "-m", "mer_jax.main",
                   *arguments(stub, inputs, "--batch=1", f"--parallel={parallel}")]  # fmt: skip
        killed = 0
        while True:
            with lock:  # a request of the process before may be under way: it kills none but ours
                process[0] = subprocess.Popen(
                    command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
                )
                left[0] = moments.popleft() if moments else -1
            _, errors = process[0].communicate(timeout=120)
            if process[0].returncode == 0:
                break
            assert process[0].returncode == -signal.SIGKILL, errors
            killed += 1
        asked_so_often = collections.Counter(asked(request)[0] for request in stub.requests)
    assert killed == KILLS
    assert set(asked_so_often) == {str(i) for i in range(len(rows))}
    # A kill loses what is in flight: at most `parallel` requests.
    assert sum(count - 1 for count in asked_so_often.values()) <= parallel * killed
    expected = {n: ["happy", "sad"] if int(n[1:]) % 2 == 0 else ["sad", "happy"]
                for n, _ in rows}  # fmt: skip
    assert answers(inputs) == expected
    assert len(lines(inputs)) == len(rows)
