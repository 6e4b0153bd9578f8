"""The page of keys: current, complete, and made of what the config files say."""

import pathlib

from mer_jax.config import CONFIGS, declared, reference

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == reference.page(), (
        "run: python -m mer_jax.config.reference > docs/configuration.md"
    )


def test_every_key_has_a_meaning():
    meanings = reference.comments(CONFIGS / "base.py")
    bare = [key.name for key in declared().values() if not (key.doc or meanings.get(key.name))]
    assert not bare


def test_rows_say_what_a_key_takes():
    page = reference.page()
    assert (
        "| `train.dropout` * | `0.3` | a number, in [0, 1) | probability with which a hidden unit "
        "is zeroed in training |" in page
    )
    assert '| `model.layers` * | `"256,128"` | widths such as "256,128" |' in page
    assert "| `report` ~ | `True` | True or False | report.md, report.html and figures/" in page
    assert '| `data.zero_valence` | `"positive"` | positive, negative, drop | The ' in page


def test_meanings_are_the_comments_above_and_beside(tmp_path):
    path = tmp_path / "base.py"
    path.write_text(
        "def get_config():\n"
        "    # unrelated\n"
        "\n"
        "    # Above,\n"
        "    # in two lines.\n"
        "    config.seed = 0  # é: beside\n"
        "    config.train.epochs = grid(\n"
        "        100\n"
        "    )  # after several lines\n"
        "    config.bare = 1\n"
        "\n"
        "def semi():\n"
        "    config.mu = 7  # of a part\n",
        encoding="utf-8",
    )
    assert reference.comments(path) == {
        "seed": "Above, in two lines. é: beside",
        "train.epochs": "after several lines",
        "bare": "",
        "semi.mu": "of a part",
    }
