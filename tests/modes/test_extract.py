"""--mode=extract: a folder and a list become a corpus; failures are listed, and told at the end."""

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra extract is not installed")

from mer_jax import command_line, extraction, lock
from mer_jax.errors import InputError
from mer_jax.extraction import sets as sets_lib
from mer_jax.extraction.record import IMAGES, TEXT
from mer_jax.modes import flags
from tests.support import media as made
from tests.support.extractors import Colour, Letters, Loudness, wanted

CSV = "name,emotion,text\na,happy,so\nb,sad,\n"


@pytest.fixture
def known(monkeypatch):
    """The only sets that there are: Loudness, Letters, Colour."""
    sets = [
        wanted("Loudness", Loudness()), wanted("Letters", Letters(), TEXT),
        wanted("Colour", Colour(), IMAGES),
    ]  # fmt: skip
    found = {each.extractor.name: each.extractor for each in sets}
    monkeypatch.setattr(extraction, "EXTRACTORS", found)


@pytest.fixture
def corpus(tmp_path):
    for name in "ab":
        made.write_wav(tmp_path / "media" / f"{name}.wav", 20_000 * made.tone(0.3))
    (tmp_path / "list.csv").write_text(CSV)
    return tmp_path


def run(folder, *arguments):
    argv = ["mer_jax", "--mode=extract", "--quiet", f"--out={folder / 'out'}", *arguments]
    mode, checked = command_line.parse(argv)
    mode.run(checked)


def test_a_folder_and_a_list_become_a_corpus(corpus, known, capsys):
    media, listed = f"--media={corpus / 'media'}", f"--clips={corpus / 'list.csv'}"
    run(corpus, media, listed, "--sets=Loudness")
    out = corpus / "out"
    assert (out / "clips.csv").read_text() == CSV
    assert np.load(out / "features/Loudness_UTT/b.npy").shape == (2,)
    assert capsys.readouterr().out == f"Loudness: 2 written: {out}/features/Loudness_UTT\n"
    run(corpus, media, f"--clips={out / 'clips.csv'}", "--sets=Loudness")
    assert "Loudness: 0 written, 2 there before: " in capsys.readouterr().out
    run(corpus, media, "--sets=Loudness", "--level=FRA")
    assert np.load(out / "features/Loudness_FRA/b.npy").shape == (30, 2)


def test_failures_end_with_a_sentence_and_the_rest_is_done(corpus, known, capsys):
    with pytest.raises(InputError) as refused:
        run(corpus, f"--clips={corpus / 'list.csv'}", f"--media={corpus / 'media'}",
            "--sets=Letters, Loudness, Colour")  # fmt: skip
    out = corpus / "out"
    assert str(refused.value) == (
        f"2 clips failed, which {out}/failures.csv lists; the first: a: holds no video"
    )
    assert (out / "failures.csv").read_text().splitlines() == [
        "set,clip,reason",
        "Colour_UTT,a,holds no video",
        "Colour_UTT,b,holds no video",
        "Letters_UTT,b,its text is empty",
    ]
    said = capsys.readouterr().out
    assert "Letters: 1 written, 1 failed: " in said
    assert "Loudness: 2 written: " in said


WRONG = {
    "unknown": (["--sets=Loudnes"], "--sets: unknown set 'Loudnes'; did you mean Loudness?"),
    "far": (["--sets=x"], "--sets: unknown set 'x'; one of: Loudness, Letters, Colour"),
    "twice": (
        ["--sets=Letters,Letters"],
        "--sets: Letters is listed twice, for the folder Letters_UTT",
    ),
    "none": (
        ["--sets=Letters,,Colour"],
        "--sets: 'Letters,,Colour' names no set in ''; NAME or NAME=FOLDER",
    ),
    "no folder": (
        ["--sets=Letters="],
        "--sets: 'Letters=' names no set in 'Letters='; NAME or NAME=FOLDER",
    ),
    "weights": (["--sets=Letters=x"], "--sets: Letters is made without weights; leave =x out"),
    "two ways": (
        ["--sets=Letters", "--asr=a", "--asr_command=b"],
        "--asr and --asr_command are two ways to the same texts; give one of them",
    ),
    "a language": (
        ["--sets=Letters", "--language=zh"],
        "--language is of --asr or --asr_command: give one of them",
    ),
    "no texts": (
        ["--sets=Loudness", "--media=.", "--asr_command=cat {audio}"],
        "--asr gives texts, of which none of --sets is extracted",
    ),
    "nothing to hear": (
        ["--sets=Letters", "--asr_command=cat {audio}"],
        "Letters needs --media=DIR, the folder with the clips",
    ),
    "no media": (["--sets=Loudness"], "Loudness needs --media=DIR, the folder with the clips"),
    "no list": (["--sets=Letters"], "Letters needs --clips=FILE with the column text, or --asr"),
    "no sets": ([], "--mode=extract needs --sets=A,B,C"),
    "level": (["--sets=Letters", "--level=utt"], "--level: unknown level 'utt'; one of: UTT, FRA"),
    "every": (["--sets=Letters", "--every=0"], "--every: '0' is not 1 or more"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_flags_are_a_sentence_and_leave_nothing(tmp_path, known, what):
    arguments, sentence = WRONG[what]
    with pytest.raises(InputError) as refused:
        run(tmp_path, *arguments)
    assert str(refused.value) == sentence
    assert not (tmp_path / "out").exists()


def test_features_of_another_program_or_other_settings_are_left_alone(corpus, known):
    out = corpus / "out"
    (out / "features/Loudness_UTT").mkdir(parents=True)
    np.save(out / "features/Loudness_UTT/a.npy", np.zeros(2))
    media = f"--media={corpus / 'media'}"
    with pytest.raises(InputError, match="holds features of 1 clip that another program wrote"):
        run(corpus, media, "--sets=Loudness")
    assert not np.load(out / "features/Loudness_UTT/a.npy").any()
    made.write(corpus / "media/a.mkv", images=[made.gradient(32, 32)] * 4)
    (corpus / "media/a.wav").unlink()
    (corpus / "media/b.wav").unlink()
    run(corpus, media, "--sets=Colour")
    with pytest.raises(InputError, match=r"was extracted with settings \{'every': 1\}, not"):
        run(corpus, media, "--sets=Colour", "--every=2")


def test_a_set_s_weights_may_lie_elsewhere():
    settings = sets_lib.Settings(level="FRA")
    (each,) = sets_lib.wanted("HuBERT-base = mine", settings)
    assert (each.extractor.name, each.weights) == ("HuBERT-base", "mine")
    assert each.folder.endswith("FRA")
    assert each.manifest()["settings"] == {"layers": "release", "weights": "mine"}


def test_two_extractions_into_one_folder_are_told_apart(corpus, known):
    held = lock.held(corpus / "out", *flags.WRITING)
    with held, pytest.raises(InputError, match=r"is writing into it; .* use another --out"):
        run(corpus, f"--media={corpus / 'media'}", "--sets=Loudness")
    assert not (corpus / "out/features").exists()
