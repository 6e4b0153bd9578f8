"""Rows of a table: read from their text, named, and looked for in a user's folder."""

import pytest

from mer_jax import config as config_lib
from mer_jax.config import rows
from mer_jax.config.rows import Row
from mer_jax.errors import InputError
from tests.support.configs import changed


def test_a_row_in_any_order_of_its_modalities():
    row = rows.parse(" video mine_UTT,audio  wav2vec 2.0-base ", "here")
    assert row == Row((("audio", "wav2vec 2.0-base"), ("video", "mine_UTT")))
    assert row.label == "wav2vec 2.0-base + mine_UTT"
    assert row.folder == "wav2vec_2.0-base+mine_UTT"


@pytest.mark.parametrize(
    ("present", "found", "missing"),
    [
        (["chinese-hubert-large-UTT", "faces"], {"audio": "chinese-hubert-large-UTT"}, []),
        (["HuBERT-large", "faces"], {"audio": "HuBERT-large"}, []),
        (["faces", "manet_UTT"], {}, ["chinese-hubert-large-UTT"]),
        (["chinese-hubert-large-UTT"], {"audio": "chinese-hubert-large-UTT"}, ["faces"]),
    ],
)
def test_sets_are_found_by_alias_release_folder_or_name(present, found, missing):
    row = rows.parse("audio HuBERT-large, video MANet-RAFDB", "here")
    aliases = rows.parse_aliases("MANet-RAFDB = faces,", "here")
    assert aliases == {"MANet-RAFDB": "faces"}
    video = {"video": "faces"} if "faces" in present else {}
    assert rows.resolve(row, aliases, present) == ({**found, **video}, missing)


def test_either_folder_of_wav2vec_will_do():
    row = rows.parse("audio wav2vec-large", "here")
    for folder in ("wav2vec-large-c-UTT", "wav2vec-large-z-UTT"):
        assert rows.resolve(row, {}, [folder]) == ({"audio": folder}, [])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rows": ("HuBERT-large",)}, "config.table.rows: 'HuBERT-large' is not a row such as"),
        ({"rows": ("audio a, audio b",)}, "is not a row such as"),
        ({"rows": ("audio",)}, "is not a row such as"),
        ({"rows": (3,)}, "config.table.rows: 3 is not the text of a row"),
        ({"rows": ("audio ../a",)}, "'../a' holds a separator"),
        ({"rows": ("text HuBERT-large",)}, "HuBERT-large is a set of audio, not of text"),
        ({"rows": ("audio a", "video a")}, "config.table.rows: lists a twice"),
        ({"aliases": "HuBERT-large"}, "'HuBERT-large' is not an alias such as"),
        ({"aliases": "HuBERT-lage=x"}, "'HuBERT-lage' is not one of the paper's names; did you "
                                       "mean HuBERT-large?"),
        ({"aliases": "IS09=a, IS09=b"}, "config.table.aliases: lists IS09 twice"),
        ({"aliases": "IS09=a/b"}, "'a/b' holds a separator"),
        ({"unimodal_fusion": "atention"}, "unknown unimodal_fusion 'atention'; one of: unimodal"),
        ({"metrics": ("dis", "wf1")}, "unknown metric 'wf1'; one of: dis, dim, com, acc, mae"),
        ({"metrics": ()}, "config.table.metrics is empty"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_told_in_a_sentence(change, sentence):
    config = changed()
    with config.ignore_type():
        config.table.update(change)
    with pytest.raises(InputError) as told:
        config_lib.check(config)
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)
