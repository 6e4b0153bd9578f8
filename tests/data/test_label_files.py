"""Labels as the field writes them are read; what is wrong is refused."""

import logging
import math
import pickle
import re
import zipfile

import numpy as np
import pytest

from mer_jax.corpora import CMUMOSI, MELD, MER2023
from mer_jax.data import label_files
from mer_jax.data.labels import Label
from mer_jax.errors import InputError
from tests.support import user_folder

MISSING = -1


def same(found, expected):
    """Equality of `{name: (emotion, valence)}` in which NaN equals NaN alone."""
    return {name: (clip.emotion, repr(float(clip.valence))) for name, clip in found.items()} == {
        name: (emotion, repr(float(valence))) for name, (emotion, valence) in expected.items()
    }


def read(tmp_path, corpora, info=MER2023):
    return label_files.read([user_folder.write_labels(tmp_path, corpora)], info).splits


# What the labels mean


def test_emotion_words_follow_the_releases_order(tmp_path):
    words = ("neutral", "angry", "happy", "sad", "worried", "surprise")
    clips = {word: {"emo": word, "val": 0.5} for word in words}
    found = read(tmp_path, {"train_corpus": clips})
    assert same(found["train"], {word: (i, 0.5) for i, word in enumerate(words)})


def test_emotions_as_integers(tmp_path):
    clips = {
        "plain": {"emo": 5, "val": -5},
        "numpy": {"emo": np.int64(3), "val": 5},
        "array": {"emo": np.array(1), "val": 0},
        "digit": {"emo": "4", "val": 1},
    }
    found = read(tmp_path, {"train_corpus": clips})
    expected = {"plain": (5, -5), "numpy": (3, 5), "array": (1, 0), "digit": (4, 1)}
    assert same(found["train"], expected)


def test_corpora_become_splits_and_an_absent_one_stays_absent(tmp_path):
    clip = {"emo": "sad", "val": 1.0}
    corpora = {
        "train_corpus": {"a": clip},
        "test2_corpus": {"b": clip},
        "test3_corpus": {"c": clip},
    }
    found = read(tmp_path, corpora)
    assert {split: list(clips) for split, clips in found.items()} == {
        "train": ["a"],
        "mer_noise": ["b"],
        "mer_semi": ["c"],
    }


@pytest.mark.parametrize("emotion", ["", None, math.nan, np.float32("nan")])
def test_missing_emotion(tmp_path, emotion):
    found = read(tmp_path, {"train_corpus": {"a": {"emo": emotion, "val": 2.0}}})
    assert same(found["train"], {"a": (MISSING, 2.0)})


@pytest.mark.parametrize(
    "valence", ["", None, math.nan, -10, -10.0, np.float64(-10), np.float32("nan"), np.array(-10)]
)
@pytest.mark.parametrize("corpus", ["train_corpus", "test1_corpus"])
def test_missing_valence(tmp_path, valence, corpus):
    found = read(tmp_path, {corpus: {"a": {"emo": "happy", "val": valence}}})
    assert same(found[MER2023.corpora[corpus]], {"a": (2, math.nan)})


def test_a_label_without_a_valence_at_all(tmp_path):
    found = read(tmp_path, {"train_corpus": {"a": {"emo": "angry"}}})
    assert same(found["train"], {"a": (1, math.nan)})


@pytest.mark.parametrize("emotion", ["neutral", 0, np.int64(0)])
@pytest.mark.parametrize("valence", [-10, np.float64(-10)])
def test_a_test_corpus_of_placeholders_has_no_labels(tmp_path, emotion, valence):
    clips = {name: {"emo": emotion, "val": valence} for name in ("a", "b")}
    found = read(tmp_path, {"test1_corpus": clips})
    assert same(found["mer_multi"], {"a": (MISSING, math.nan), "b": (MISSING, math.nan)})


def test_one_true_label_makes_placeholders_neutral(tmp_path):
    clips = {"a": {"emo": "neutral", "val": -10}, "b": {"emo": "sad", "val": -10}}
    found = read(tmp_path, {"test3_corpus": clips})
    assert same(found["mer_semi"], {"a": (0, math.nan), "b": (3, math.nan)})


def test_placeholders_in_train_are_neutral_clips_without_valence(tmp_path):
    found = read(tmp_path, {"train_corpus": user_folder.placeholders(["a", "b"])})
    assert same(found["train"], {"a": (0, math.nan), "b": (0, math.nan)})


def test_each_test_corpus_is_a_placeholder_for_itself(tmp_path):
    corpora = {
        "test1_corpus": user_folder.placeholders(["a"]),
        "test2_corpus": {"b": {"emo": "neutral", "val": 0.0}},
    }
    found = read(tmp_path, corpora)
    assert same(found["mer_multi"], {"a": (MISSING, math.nan)})
    assert same(found["mer_noise"], {"b": (0, 0.0)})


def test_sentiment_classes_are_the_valences_sign(tmp_path):
    valences = {"low": -3, "tiny": -1e-6, "zero": 0.0, "minus_zero": -0.0, "high": np.float32(2.5)}
    # The filler class of the published files says the opposite of the sign, and is not asked.
    clips = {name: {"emo": int(v < 0), "val": v} for name, v in valences.items()}
    clips["absent"] = {"emo": 0, "val": None}
    found = read(tmp_path, {"train_corpus": clips}, CMUMOSI)
    expected = {
        "low": (0, -3),
        "tiny": (0, -1e-6),
        "zero": (1, 0),
        "minus_zero": (1, -0.0),
        "high": (1, 2.5),
        "absent": (MISSING, math.nan),
    }
    assert same(found["train"], expected)


def test_a_corpus_without_valence_ignores_what_stands_there(tmp_path):
    clips = {"a": {"emo": 3, "val": 99.0}, "b": {"emo": "fear", "val": -10}, "c": {"emo": "joy"}}
    found = read(tmp_path, {"val_corpus": clips}, MELD)
    assert same(found["val"], {"a": (3, math.nan), "b": (5, math.nan), "c": (1, math.nan)})


@pytest.mark.parametrize("info", [MER2023, CMUMOSI, MELD])
def test_the_placeholder_is_no_label_in_any_corpus(tmp_path, info):
    key, split = list(info.corpora.items())[-1]
    found = read(tmp_path, {key: user_folder.placeholders(["a", "b"])}, info)
    assert same(found[split], {"a": (MISSING, math.nan), "b": (MISSING, math.nan)})


@pytest.mark.parametrize(
    "clips",
    [
        {"a": {"emo": 3, "val": -10}, "b": {"emo": 3, "val": -10}},  # all neutral, as MELD says it
        {"a": {"emo": "neutral", "val": -10}, "b": {"emo": 3, "val": -10}},
        {"a": {"emo": "neutral", "val": -10}, "b": {"emo": "neutral", "val": 0.0}},
        {"a": {"emo": "neutral"}, "b": {"emo": "neutral"}},
    ],
)
def test_without_valence_neutral_is_a_label_and_no_placeholder(tmp_path, clips):
    found = read(tmp_path, {"test_corpus": clips}, MELD)
    assert same(found["test"], {"a": (3, math.nan), "b": (3, math.nan)})


@pytest.mark.parametrize("filler", ["neutral", "positive", "", None, 0, 7])
def test_an_npz_names_no_class_where_the_valence_tells_it(tmp_path, filler):
    clips = {"a": {"emo": filler, "val": -10}, "b": {"emo": filler, "val": -0.5}}
    for key, split in CMUMOSI.corpora.items():
        found = read(tmp_path, {key: clips}, CMUMOSI)
        assert same(found[split], {"a": (MISSING, math.nan), "b": (0, -0.5)})


# What wrote the pickle


def renamed(pickled, module):
    """The pickle as a NumPy writes it whose arrays live in `module`."""
    ours = np.array(0, object).__reduce__()[0].__module__.encode()
    assert pickled.count(ours) >= 1
    if pickled[1] < 4:
        return pickled.replace(ours, module)
    # Protocol 4 writes lengths: of the name, in one byte, and of an optional frame around all.
    assert pickled[2:3] == pickle.FRAME
    unframed = pickled[:2] + pickled[11:]
    name = pickle.SHORT_BINUNICODE + bytes([len(ours)]) + ours
    return unframed.replace(name, pickle.SHORT_BINUNICODE + bytes([len(module)]) + module)


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_pickles_of_numpy_1_and_2(tmp_path, module, protocol):
    clips = {
        "python": {"emo": "happy", "val": 2.0},
        "float64": {"emo": "sad", "val": np.float64(-1.25)},
        "float32": {"emo": "sad", "val": np.float32(0.5)},
        "float16": {"emo": np.str_("angry"), "val": np.float16(-0.75)},
        "int32": {"emo": np.int32(4), "val": np.int32(-2)},
        "array": {"emo": np.array("worried"), "val": np.array(1.5)},
        "big_endian": {"emo": np.array("neutral", object), "val": np.array(1.5, ">f8")},
    }
    pickled = renamed(pickle.dumps(np.array(clips, object), protocol), module)
    assert (b"_core" in pickled) == (b"_core" in module)
    path = user_folder.write_pickles(tmp_path, {"train_corpus": pickled})
    expected = {
        "python": (2, 2.0),
        "float64": (3, -1.25),
        "float32": (3, 0.5),
        "float16": (1, -0.75),
        "int32": (4, -2),
        "array": (4, 1.5),
        "big_endian": (0, 1.5),
    }
    assert same(label_files.read([path], MER2023).splits["train"], expected)


# Which file is read


def test_the_label_file_of_mer2023_goes_first(tmp_path):
    with pytest.raises(InputError, match=r"no label file; expected label-6way\.npz, label\.npz,"):
        label_files.find(tmp_path, MER2023)
    other = user_folder.write_labels(tmp_path, {}, name="label.npz")
    assert label_files.find(tmp_path, MER2023) == [other]
    first = user_folder.write_labels(tmp_path, {})
    assert label_files.find(tmp_path, MER2023) == [first]


# Labels that say something impossible


@pytest.mark.parametrize("emotion", ["contempt", "Happy", 6, -1, "6", 2.5, True])
def test_an_emotion_outside_the_classes(tmp_path, emotion):
    with pytest.raises(
        InputError, match=r"train_corpus, clip: emotion .* outside the classes neut"
    ):
        read(tmp_path, {"train_corpus": {"clip": {"emo": emotion, "val": 0.0}}})


@pytest.mark.parametrize("valence", [5.01, -5.01, math.inf, np.float64(-9), "-7"])
def test_a_valence_out_of_range(tmp_path, valence):
    with pytest.raises(InputError, match=r"train_corpus, clip: valence .* is outside \[-5, 5\]"):
        read(tmp_path, {"train_corpus": {"clip": {"emo": "sad", "val": valence}}})


def test_the_range_is_the_corpuss_own(tmp_path):
    with pytest.raises(InputError, match=r"valence 3\.5 is outside \[-3, 3\]"):
        read(tmp_path, {"test_corpus": {"clip": {"emo": 0, "val": 3.5}}}, CMUMOSI)


@pytest.mark.parametrize("valence", ["low", True])
def test_a_valence_that_is_no_number(tmp_path, valence):
    with pytest.raises(InputError, match=r"clip: valence .* is not a number"):
        read(tmp_path, {"train_corpus": {"clip": {"emo": "sad", "val": valence}}})


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)", "+cmd|' C'!A0", "-2+3", "=HYPERLINK(x)"])
def test_a_name_that_a_spreadsheet_would_compute(tmp_path, name):
    with pytest.raises(InputError, match=r"train_corpus: the name .* is a formula to a spreadshee"):
        read(tmp_path, {"train_corpus": {name: {"emo": "sad", "val": 0.0}}})


@pytest.mark.parametrize("name", ["-3g5yACwYnA_10", "-a b.1", "+1", "=", "@home", "a=b(c)", "-été"])
def test_a_name_with_a_sign_alone_is_a_name(tmp_path, name):
    found = read(tmp_path, {"train_corpus": {name: {"emo": "sad", "val": 0.0}}})
    assert list(found["train"]) == [name]


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", "a\\b", "a\nb", "a\0b", 7, None])
def test_a_name_that_is_no_file_name(tmp_path, name):
    with pytest.raises(
        InputError, match=r"separator or a control character|is not a valid name of a clip"
    ):
        read(tmp_path, {"train_corpus": {name: {"emo": "sad", "val": 0.0}}})


def test_names_that_stand_in_two_corpora_are_counted(tmp_path):
    corpora = {
        "train_corpus": user_folder.labelled(["a", "b", "c", "d", "e"]),
        "test2_corpus": user_folder.labelled(["x", "b", "c", "d", "e"]),
    }
    with pytest.raises(
        InputError, match=r"lists 4 names in train and again in mer_noise: b, c, d, \.\.\.$"
    ):
        read(tmp_path, corpora)


def test_an_unknown_corpus_names_those_there_are(tmp_path):
    with pytest.raises(InputError, match=r"unknown corpus 'test4_corpus'; mer2023 has: train_corp"):
        read(tmp_path, {"test4_corpus": {}, "train_corpus": {}})


@pytest.mark.parametrize("corpora", [{}, {"train_corpus": {}}])
def test_a_file_without_clips(tmp_path, corpora):
    with pytest.raises(InputError, match=r"holds no clip of train_corpus, val_corpus, test_corpus"):
        read(tmp_path, corpora, MELD)


@pytest.mark.parametrize("entry", ["sad", 3, {"val": 1.0}, {"label": "sad"}])
def test_an_entry_that_is_no_label(tmp_path, entry):
    with pytest.raises(InputError, match=r"train_corpus, clip: expected .*'emo'.*, found"):
        read(tmp_path, {"train_corpus": {"clip": entry}})


# Labels that come later


def given(tmp_path, text, info=MER2023):
    path = tmp_path / "later.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return label_files.read_given(path, info).splits


def test_a_csv_in_the_form_of_a_submission(tmp_path):
    text = "name,discrete,valence\na,happy,1.5\nb,,-2\nc,sad,\n\nd,5,-10\ne,neutral,nan\n"
    expected = {
        "a": (2, 1.5),
        "b": (MISSING, -2),
        "c": (3, math.nan),
        "d": (5, math.nan),
        "e": (0, math.nan),
    }
    assert same(given(tmp_path, text)[""], expected)


def test_a_csv_with_other_columns_and_a_byte_order_mark(tmp_path):
    found = given(tmp_path, b'\xef\xbb\xbfvalence,comment,name\r\n0.25,"so, so",a\r\n')
    assert same(found[""], {"a": (MISSING, 0.25)})
    found = given(tmp_path, "name,discrete\na,worried\n")
    assert same(found[""], {"a": (4, math.nan)})


def test_a_csv_of_a_sentiment_corpus(tmp_path):
    text = "name,discrete,valence\na,negative,0.5\nb,positive,\nc,,-0.5\n"
    # Where both stand the valence decides; a word alone is taken as the class.
    assert same(
        given(tmp_path, text, CMUMOSI)[""], {"a": (1, 0.5), "b": (1, math.nan), "c": (0, -0.5)}
    )


def test_a_csv_of_neutral_clips_is_no_placeholder(tmp_path):
    found = given(tmp_path, "name,discrete,valence\na,neutral,-10\nb,neutral,-10\n")
    assert same(found[""], {"a": (0, math.nan), "b": (0, math.nan)})


def test_an_npz_given_later_reads_by_split(tmp_path):
    clips = {"a": {"emo": "sad", "val": 1.0}}
    path = user_folder.write_labels(tmp_path, {"test1_corpus": clips}, name="later.npz")
    found = label_files.read_given(path, MER2023).splits
    assert found.keys() == {"mer_multi"}
    assert found["mer_multi"] == {"a": Label(3, 1.0)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "first line must be name,discrete,valence"),
        ("clip,discrete,valence\na,sad,1\n", "first line must be name,discrete,valence"),
        ("name,discrete\na,sad\nb,sad,1\n", "line 3 has 3 cells, the header 2"),
        ("name,discrete\na,sad\nb,sad\na,happy\n", "line 4: duplicate name 'a'"),
        ("name,discrete\na,glad\n", "a: emotion 'glad' is outside the classes"),
        ("name,valence\na,7\n", "a: valence 7.0 is outside"),
        ('name,discrete\n"a,sad\n', "not a CSV file"),
        (b"name,discrete\n\xff\xfe,sad\n", "not a CSV file"),
    ],
)
def test_a_csv_that_is_wrong(tmp_path, text, sentence):
    with pytest.raises(InputError, match=r"later\.csv") as refusal:
        given(tmp_path, text)
    assert sentence in str(refusal.value)


def test_labels_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match=r"absent\.csv: no such label file"):
        label_files.read_given(tmp_path / "absent.csv", MER2023)


# CSV as the folder's label file


def read_folder(root, info=MER2023):
    return label_files.read(label_files.find(root, info), info).splits


def test_a_label_csv_of_all_splits(tmp_path):
    (tmp_path / "label.csv").write_text(
        "name,discrete,valence,split\na,sad,1.5,train\nb,,2,mer_multi\nc,happy,,test3_corpus\n"
    )
    assert same(read_folder(tmp_path)["train"], {"a": (3, 1.5)})
    assert same(read_folder(tmp_path)["mer_multi"], {"b": (MISSING, 2.0)})
    assert same(read_folder(tmp_path)["mer_semi"], {"c": (2, math.nan)})
    (tmp_path / "label.csv").write_text("name,discrete,split\na,sad,tain\n")
    with pytest.raises(InputError, match=r"line 2: unknown split 'tain'; mer2023 has: train, mer_"):
        read_folder(tmp_path)


def test_a_label_csv_without_splits_is_of_train(tmp_path):
    (tmp_path / "label.csv").write_text("name,discrete\na,sad\nb,0\n")
    assert same(read_folder(tmp_path)["train"], {"a": (3, math.nan), "b": (0, math.nan)})


def test_label_csvs_of_single_splits(tmp_path):
    (tmp_path / "train-label.csv").write_text("name,discrete,valence\na,sad,1.5\n")
    (tmp_path / "mer_multi-label.csv").write_text("name,valence\nb,0.5\n")
    (tmp_path / "test2-label.csv").write_text("name,discrete,valence\nc,neutral,-10\n")
    found = read_folder(tmp_path)
    assert list(found) == ["train", "mer_multi", "mer_noise"]
    assert same(found["mer_noise"], {"c": (MISSING, math.nan)})
    (tmp_path / "mer_multi-label.csv").write_text("name,valence\na,0.5\n")
    with pytest.raises(InputError, match=r"lists 1 name in train and again in mer_multi: a$"):
        read_folder(tmp_path)


def test_of_several_label_files_the_log_names_those_left_unread(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="mer_jax")
    user_folder.write_labels(tmp_path, {"train_corpus": {}}, "track1_label_6way.npz")
    assert [path.name for path in label_files.find(tmp_path, MER2023)] == ["track1_label_6way.npz"]
    assert caplog.messages == []
    (tmp_path / "train-label.csv").write_text("name,discrete,valence\na,sad,1.5\n")
    assert [path.name for path in label_files.find(tmp_path, MER2023)] == ["track1_label_6way.npz"]
    assert caplog.messages == [
        f"{tmp_path}: labels are read from track1_label_6way.npz, not from train-label.csv"
    ]


def test_another_corpuss_fillers_are_no_classes(tmp_path):
    """CMU-MOSI's file says 0 for every clip, which is a class of MELD."""
    clips = {f"v_{i}": {"emo": 0, "val": -2.5 + 0.25 * i} for i in range(20)}
    assert len(read(tmp_path, {"train_corpus": clips}, CMUMOSI)["train"]) == 20
    with pytest.raises(InputError, match=r"all 20 clips of train have the emotion 'anger'; is"):
        read(tmp_path, {"train_corpus": clips}, MELD)
    clips["v_3"]["emo"] = 4
    assert len(read(tmp_path, {"train_corpus": clips}, MELD)["train"]) == 20


def test_a_split_beside_a_file_of_one_split_agrees_with_it(tmp_path):
    path = tmp_path / "train-label.csv"
    path.write_text("name,discrete,split\na,sad,train\nb,happy,train_corpus\n")
    assert set(read_folder(tmp_path)["train"]) == {"a", "b"}
    path.write_text("name,discrete,split\na,sad,train\nb,happy,test1_corpus\n")
    with pytest.raises(InputError, match=r"line 3: split 'test1_corpus' in a file whose name says"):
        read_folder(tmp_path)


def test_two_label_csvs_of_one_split(tmp_path):
    for name in ("train", "test1", "mer_multi"):
        (tmp_path / f"{name}-label.csv").write_text(f"name,discrete\n{name}_0,sad\n")
    sentence = "mer_multi-label.csv and test1-label.csv are both of mer_multi; leave one of them"
    with pytest.raises(InputError, match=re.escape(sentence)):
        read_folder(tmp_path)


def test_a_label_csv_of_no_split_is_not_passed_over(tmp_path):
    for name in ("train", "test"):
        (tmp_path / f"{name}-label.csv").write_text(f"name,discrete\n{name}_0,sad\n")
    with pytest.raises(InputError, match=r"test-label\.csv: of no split of mer2023, which has: tr"):
        read_folder(tmp_path)


def test_labels_given_as_a_folder_or_a_workbook_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"is a folder; name the label file in it$"):
        label_files.read_given(tmp_path, MER2023)
    with zipfile.ZipFile(tmp_path / "labels.xlsx", "w") as book:
        book.writestr("xl/workbook.xml", "")
    with pytest.raises(InputError, match=r"labels\.xlsx: not a CSV file but a workbook or another"):
        label_files.read_given(tmp_path / "labels.xlsx", MER2023)
