"""Groups of words by WordNet, the wheels, an encoder, and what a server may say."""

import json

import numpy as np
import pytest

from mer_jax.asking import client as client_lib
from mer_jax.errors import InputError
from mer_jax.scoring import word_groups
from mer_jax.scoring.wheel import Wheels
from tests.support import scoring
from tests.support.stub_server import says, serving, text_of

LABELS = [["a", "['Happy', 'calm']"], ["b", "['sad']"]]
PREDICTED = [["a", "['glad', 'table']"], ["b", "['gloomy', 'sad']"]]


@pytest.fixture
def clips(tmp_path):
    """Flags of two labelled clips."""
    labels = scoring.write_csv(tmp_path / "labels.csv", ["name", "openset"], LABELS)
    predicted = scoring.write_csv(tmp_path / "predicted.csv", ["name", "openset"], PREDICTED)
    return [f"--labels={labels}", f"--predictions={predicted}"]


def groups(path):
    return json.loads(path.read_text())


def test_by_wheel_and_the_score_names_the_method(tmp_path, clips, capsys):
    wheel = scoring.write_json(tmp_path / "wheel.json", scoring.WHEEL)
    out = tmp_path / "synonyms.json"
    scoring.run("--mode=group_words", *clips, "--by=wheel", f"--wheel={wheel}", f"--out={out}")
    # happy means joyful; glad content or joyful, of which content is first, as it is for calm
    assert groups(out) == {
        "a": [["calm", "glad"], ["happy"], ["table"]],
        "b": [["gloomy"], ["sad"]],
    }
    meta = groups(tmp_path / "synonyms.meta.json")
    assert (meta["method"], meta["version"]) == ("wheel", 1)
    first = out.read_bytes()
    scoring.run("--mode=group_words", *clips, "--by=wheel", f"--wheel={wheel}", f"--out={out}")
    assert out.read_bytes() == first  # which is why it need not resume
    capsys.readouterr()
    scoring.run("--mode=score_open", *clips, f"--synonyms={out}", f"--out={tmp_path / 'scores'}")
    assert f"Groups: wheel synonyms of {wheel}." in capsys.readouterr().out
    found = scoring.scores(tmp_path / "scores")
    assert found["method"] == f"wheel synonyms of {wheel}"
    assert found["scores"]["MER2024, synonym groups"] == {
        "accuracy": 0.5, "recall": 0.75, "average": 0.625,
    }  # fmt: skip


# Two lines of the form of WordNet's data files, and a word without a synset.
WORDNET = {
    "data.noun": "  1 the licence of WordNet 3.0\n"
    "00000100 12 n 02 joy 0 delight 0 002 + 00000200 a 0101 @ 00000900 n 0000 | gladness\n",
    "data.verb": "00000300 37 v 01 calm_down 0 000 01 + 02 00 | become calm\n",
    "data.adj": "00000200 00 a 01 joyful 0 001 & 00000201 a 0000 | full of joy\n"
    "00000201 00 s 02 glad(p) 0 beaming 0 001 & 00000200 a 0000 | pleased\n",
    "data.adv": "00000400 02 r 01 sadly 0 000 | in a sad way\n",
}


def test_by_wordnet(tmp_path, clips):
    for name, text in WORDNET.items():
        (tmp_path / name).write_text(text)
    words = ["joy", "Delight", "joyful", "glad", "calm down", "sadly", "xyz"]
    net = word_groups.read_wordnet(tmp_path, words)
    assert net.version == "3.0"
    assert word_groups.by_pairs(words, net.together) == [
        ["Delight", "glad", "joy", "joyful"], ["calm down"], ["sadly"], ["xyz"],
    ]  # fmt: skip
    out = tmp_path / "synonyms.json"
    flags = ["--mode=group_words", *clips, "--by=wordnet", f"--out={out}"]
    scoring.run(*flags, f"--wordnet={tmp_path}")
    assert groups(tmp_path / "synonyms.meta.json")["summary"] == "WordNet 3.0"
    (tmp_path / "data.adv").write_text("no dictionary\n")
    with pytest.raises(InputError, match=r"data\.adv, line 1: not a line of WordNet"):
        scoring.run(*flags, f"--wordnet={tmp_path}")
    (tmp_path / "data.adv").unlink()
    with pytest.raises(InputError, match=r"lacks data\.adv; Debian's package"):
        scoring.run(*flags, f"--wordnet={tmp_path}")


def test_average_link_joins_while_the_mean_is_high_enough():
    words = ["c", "a", "b", "d"]
    angles = np.radians([0, 30, 70, 200])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1)
    # a-b: cos 30 = .87; then c to both: (cos 40 + cos 70) / 2 = .55
    assert word_groups.by_average_link(words, vectors, 0.54) == [["a", "b", "c"], ["d"]]
    assert word_groups.by_average_link(words, vectors, 0.56) == [["a", "b"], ["c"], ["d"]]


def test_by_embedding(tmp_path, clips, monkeypatch):
    out = tmp_path / "synonyms.json"
    flags = ["--mode=group_words", *clips, "--by=embedding", "--encoder=x", f"--out={out}"]
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    with pytest.raises(InputError, match=r"pip install 'mer_jax\[embedding\]'"):
        scoring.run(*flags)
    near = {"happy": 0, "glad": 10, "calm": 90, "table": 180, "sad": 0, "gloomy": 20}
    encode = lambda words: np.array(  # noqa: E731
        [[np.cos(np.radians(near[w])), np.sin(np.radians(near[w]))] for w in words]
    )
    monkeypatch.setattr(word_groups, "encoder_of", lambda name: encode)
    scoring.run(*flags)
    assert groups(out) == {"a": [["calm"], ["glad", "happy"], ["table"]], "b": [["gloomy", "sad"]]}
    summary = groups(tmp_path / "synonyms.meta.json")["summary"]
    assert summary == "cosine of x, average link at 0.45"


def test_by_server_once_for_each_clip_whose_words_are_new(tmp_path, clips, monkeypatch, capsys):
    monkeypatch.setattr(client_lib.Client.__init__, "__kwdefaults__", {"wait": lambda _: None})
    out = tmp_path / "synonyms.json"

    def script(request, _):
        words = text_of(request).split("\n\n")[1].split("\n")
        if "calm" in words:
            assert words == sorted(words)
            return says("[['happy', 'glad'], ['glad', 'unheard']]")  # calm and table forgotten
        return says(json.dumps([words]))

    with serving(script) as stub:
        flags = ["--mode=group_words", *clips, "--by=server", f"--server={stub.url}",
                 "--model=stub-1", f"--out={out}"]  # fmt: skip
        scoring.run(*flags)
        assert len(stub.requests) == 2
        assert groups(out) == {
            "a": [["happy", "glad"], ["glad"], ["calm"], ["table"]],
            "b": [["gloomy", "sad"]],
        }
        assert "1 unknown words are dropped, 2 forgotten ones" in capsys.readouterr().out
        meta = groups(tmp_path / "synonyms.meta.json")
        assert meta["model"] == "stub-1-reported"
        assert len(meta["prompt_sha256"]) == 64
        labels = scoring.write_csv(
            tmp_path / "labels.csv", ["name", "openset"], [LABELS[0], ["b", "['worried']"]]
        )
        assert str(labels) in clips[0]
        scoring.run(*flags)
        assert len(stub.requests) == 3
        assert groups(out)["b"] == [["gloomy", "sad", "worried"]]


def test_a_server_without_groups_leaves_no_file(tmp_path, clips, monkeypatch):
    monkeypatch.setattr(client_lib.Client.__init__, "__kwdefaults__", {"wait": lambda _: None})
    script = lambda request, _: says(  # noqa: E731
        "[['gloomy', 'sad']]" if "sad" in text_of(request) else "happy and glad are the same"
    )
    with serving(script) as stub, pytest.raises(InputError, match="1 clip without groups: a"):
        scoring.run("--mode=group_words", *clips, "--by=server", f"--server={stub.url}",
                    "--model=stub-1", f"--out={tmp_path / 'synonyms.json'}")  # fmt: skip
    assert not (tmp_path / "synonyms.json").exists()


def test_wheel_synonyms_of_unknown_words_are_alone():
    wheels = Wheels(**scoring.WHEEL)
    assert word_groups.by_wheel(["y", "x"], wheels) == [["x"], ["y"]]
