"""A column of a label CSV is taken or refused; another encoding than UTF-8 is named."""

import logging

import pytest

from mer_jax.data import label_csv
from mer_jax.errors import InputError


def read(tmp_path, content):
    path = tmp_path / "later.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return label_csv.read(path)


@pytest.mark.parametrize(
    "header",
    [
        "name,discrete,valence",
        "name,emotion,val",
        "Name,EMO,Valence",
        " name , discrete , valence ",
        '"name","discrete","valence"',
        "\ufeffname,discrete,valence",
        '\ufeff"name",Emotion,VAL',
    ],
)
def test_headings_that_are_taken(tmp_path, header):
    assert read(tmp_path, f"{header}\na,sad, 1.5 \nb,,\n") == {"a": ("sad", "1.5"), "b": ("", "")}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,valance\na,1\n", "the column 'valance' looks like valence; call it so, or leave it"),
        ("name,discrete,Valence Mean\na,sad,1\n", "'Valence Mean' looks like valence"),
        ("name,valence,emotions\na,1,sad\n", "'emotions' looks like discrete"),
        ("name,emotion_label\na,sad\n", "'emotion_label' looks like discrete"),
        ("name,label\na,sad\n", "'label' looks like discrete or valence"),
        ("name,discrete,value\na,sad,1\n", "'value' looks like valence"),
        ("name,discrete,Score\na,sad,1\n", "'Score' looks like valence"),
        ("name,discrete,效价\na,sad,1\n", "'效价' looks like valence"),
        ("name,discrete,partition\na,sad,test\n", "'partition' looks like split"),
        ("name,discrete,valence,mode\na,sad,1,test\n", "'mode' looks like split"),
        ("names,discrete\na,sad\n", "'names' looks like name"),
        ("file_name,discrete\na,sad\n", "'file_name' looks like name"),
        ("name,valence,valence\na,1,2\n", "the columns 'valence' and 'valence' both give valence"),
        ("name,valence,Val\na,1,2\n", "the columns 'valence' and 'Val' both give valence"),
        ("name,name,valence\na,b,2\n", "the columns 'name' and 'name' both give name"),
        ("name;discrete\na;sad\n", "separated by ';', not by ','"),
        ("name\tdiscrete\na\tsad\n", r"separated by '\t', not by ','"),
        ("a,sad\nb,happy\n", "the first line must be name,discrete,valence"),
        ("name,discrete\na,s\0ad\n", "line 2 holds a NUL byte"),
    ],
)
def test_headings_that_are_refused(tmp_path, text, sentence):
    with pytest.raises(InputError, match=r"later\.csv") as refusal:
        read(tmp_path, text)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_column_without_a_heading_is_named_by_its_place(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="mer_jax")
    read(tmp_path, ",name,discrete\n0,a,sad\n")
    assert caplog.messages == [f"{tmp_path / 'later.csv'}: columns left unread: number 1"]


def test_other_columns_are_named_in_the_log(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="mer_jax")
    text = "name,discrete,arousal,valence,valence_std,label\na,sad,0.5,1,0.1,3\n"
    assert read(tmp_path, text) == {"a": ("sad", "1")}
    assert caplog.messages == [
        f"{tmp_path / 'later.csv'}: columns left unread: arousal, valence_std, label"
    ]


EAST_ASIAN = "GBK or another East Asian encoding (Big5, Shift-JIS, EUC-KR)"


@pytest.mark.parametrize(
    ("encoding", "words", "named"),
    [
        ("utf-16", "sad", "UTF-16"),
        ("utf-16-le", "sad", "UTF-16"),
        ("utf-16-be", "sad", "UTF-16"),
        ("utf-32", "sad", "UTF-32"),
        ("gbk", "样本甲", EAST_ASIAN),
        ("gbk", "样_甲", EAST_ASIAN),
        ("gb18030", "悲伤的样本", EAST_ASIAN),
        ("shift_jis", "悲しいｻﾝﾌﾟﾙ", EAST_ASIAN),  # which none of the others can read
        ("shift_jis", "サンプル", EAST_ASIAN),
        ("big5", "樣本甲", EAST_ASIAN),
        ("euc_kr", "표본", EAST_ASIAN),
        ("latin-1", "été à Zürich", "Windows-1252 or Latin-1"),
        ("cp1252", "Müller_séparé_naïf", "Windows-1252 or Latin-1"),
        ("cp1252", "naïve – “so”", "Windows-1252 or Latin-1"),
    ],
)
def test_other_encodings_are_named(tmp_path, encoding, words, named):
    content = f"name,discrete,comment\nclip_1,sad,{words}\nclip_2,happy,\n".encode(encoding)
    with pytest.raises(InputError) as refusal:
        read(tmp_path, content)
    path = tmp_path / "later.csv"
    said = f"not a CSV file in UTF-8: it looks like {named}; save it as UTF-8"
    assert str(refusal.value) == f"{path}: {said}"


def test_utf_8_in_any_script(tmp_path):
    text = "name,discrete\n样本_1,sad\nété,happy\n"
    assert read(tmp_path, text) == {"样本_1": ("sad", ""), "été": ("happy", "")}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_line_ends_of_every_system(tmp_path, end):
    text = end.join(["name,discrete,valence", "a,sad,1", '"b, c",happy,', ""])
    assert read(tmp_path, text) == {"a": ("sad", "1"), "b, c": ("happy", "")}
