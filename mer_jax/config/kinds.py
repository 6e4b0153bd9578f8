"""What keys of the config may hold beside the plain: how each kind is read and refused."""

import math
import re
from typing import Any

from mer_jax import paths
from mer_jax.config import rows
from mer_jax.corpora import AUTO, CORPORA, SYNTHETIC, shared
from mer_jax.data import label_csv
from mer_jax.data.labels import check_name, check_word
from mer_jax.errors import InputError
from mer_jax.metrics import METRICS
from mer_jax.models.fusion import FUSIONS
from mer_jax.settings import Kind, Range

WITH_FOLDERS = tuple(name for name in CORPORA if name != SYNTHETIC)  # the corpora of a table
_NEXT_CORPUS = re.compile(r",(?=\s*\w+=)|,\s*$")


def as_tuple(value: Any) -> tuple:
    """A grid's values: one value is a grid of one."""
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _read_text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{where}: {value!r} is not a name")
    return value


def _read_path(value: Any, where: str) -> str:
    text = _read_text(value, where)
    return str(paths.of_user(text, where).resolve()) if text else text


def _read_aliases(value: Any, where: str) -> str:
    rows.parse_aliases(_read_text(value, where), where)
    return value


def _read_chunk(value: Any, where: str) -> str | int:
    text = str(value)
    if text in ("auto", "measure"):
        return text
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise InputError(f'{where}: {value!r} is not "auto", "measure" or a number above 0')
    return int(text)


def _read_steps(value: Any, where: str) -> str | int:
    text = str(value)
    if text == AUTO:
        return text
    if not (text.isascii() and text.isdigit()):
        raise InputError(f'{where}: {value!r} is not "{AUTO}" or a whole number, 0 or more')
    return int(text)


def _read_rows(value: Any, where: str) -> tuple[str, ...]:
    given = as_tuple(value)
    for text in given:
        if not isinstance(text, str):
            raise InputError(f"{where}: {text!r} is not the text of a row")
    folders = [rows.parse(text, where).folder for text in given]
    twice = [folder for folder in folders if folders.count(folder) > 1]
    if twice:
        raise InputError(f"{where}: lists {twice[0]} twice")
    return given


def _read_group_folds(value: Any, where: str) -> str | bool:
    text = str(value).lower()
    if text == AUTO:
        return AUTO
    if text not in ("true", "false"):
        raise InputError(f"{where}: {value!r} is not {AUTO!r}, True or False")
    return text == "true"


def _read_classes(value: Any, where: str) -> tuple[str, ...]:
    given = tuple(map(str, as_tuple(value)))
    if len(given) == 1 and "," in given[0]:  # a command line's a,b,c
        given = tuple(name.strip() for name in given[0].split(","))
    if given and (len(given) < 2 or len(set(given)) < len(given)):
        raise InputError(f"{where}: {value!r} is not two classes or more, each once")
    for name in given:
        if name != name.strip() or not name:
            raise InputError(f"{where}: {name!r} is empty or has spaces around it")
        check_word(name, where, what="class")
    return given


def _read_valence_range(value: Any, where: str) -> tuple[float, ...]:
    given = as_tuple(value)
    are_numbers = all(type(each) in (int, float) and math.isfinite(each) for each in given)
    pairs = list(zip(given[::2], given[1::2], strict=False))
    if not (are_numbers and len(given) == 2 * len(pairs) and all(a < b for a, b in pairs)):
        raise InputError(
            f"{where}: {value!r} is not a lower and a higher number, or such a pair for each target"
        )
    return tuple(map(float, given))


def _read_targets(value: Any, where: str) -> tuple[str, ...]:
    given = as_tuple(value)
    if len(given) == 1 and isinstance(given[0], str) and "," in given[0]:  # a,b,c
        given = tuple(name.strip() for name in given[0].split(","))
    for name in given:
        check_name(name, where, what="target")
        if name != name.strip():
            raise InputError(f"{where}: {name!r} has spaces around it")
        if name.lower() in label_csv.others():
            raise InputError(
                f"{where}: {name!r} is the heading of another column of clips.csv; give the "
                "target's column another name"
            )
    if len({name.lower() for name in given}) < len(given):
        raise InputError(f"{where}: {value!r} names a target twice")
    return given


def _read_selection(value: Any, where: str) -> str:
    if value != "":
        _read_shown(value, where)
    return value


def _read_test_corpora(value: Any, where: str) -> tuple[str, ...]:
    found = shared.read(as_tuple(value), where)
    return tuple(f"{name}={_read_path(folder, where)}" for name, folder in found.items())


def _read_corpora(value: Any, where: str) -> str:
    found = shared.read(corpora_in(_read_text(value, where)), where, WITH_FOLDERS)
    return ", ".join(f"{name}={_read_path(folder, where)}" for name, folder in found.items())


def corpora_in(text: str) -> list[str]:
    """The parts of "sims=my_sims, meld=my_meld"; a folder may have a comma in its name."""
    return [part.strip() for part in _NEXT_CORPUS.split(text) if part.strip()]


def _read_algorithms(value: Any, where: str) -> tuple[str, ...]:
    given = tuple(map(str, as_tuple(value)))
    for name in given:
        if name not in FUSIONS:
            raise InputError(f"{where}: unknown fusion {name!r}; one of: {', '.join(FUSIONS)}")
    if len(set(given)) < len(given):
        raise InputError(f"{where}: {value!r} lists a fusion twice")
    return given


def _read_metrics(value: Any, where: str) -> tuple[str, ...]:
    given = _read_shown(value, where)
    if not given:
        raise InputError(f"{where} is empty")
    return given


def _read_shown(value: Any, where: str) -> tuple[str, ...]:
    given = as_tuple(value)
    for name in given:
        if name not in METRICS:
            raise InputError(f"{where}: unknown metric {name!r}; one of: {', '.join(METRICS)}")
    return given


PATH = Kind("a path", _read_path)
ALIASES = Kind('aliases such as "HuBERT-large=my_hubert"', _read_aliases)
CHUNK = Kind('"auto", "measure" or a whole number', _read_chunk)
STEPS = Kind('"auto" or a whole number', _read_steps)
ROWS = Kind('rows such as "audio HuBERT-large, text MacBERT-large"', _read_rows)
GROUP_FOLDS = Kind('"auto", True or False', _read_group_folds)
CLASSES = Kind("names of classes, or none", _read_classes)
VALENCE_RANGE = Kind("two numbers, or two a target, or none", _read_valence_range)
TARGETS = Kind(f'headings of clips.csv, or "{AUTO}", or none', _read_targets)
TEST_CORPORA = Kind('corpora such as "sims=my_sims", or none', _read_test_corpora)
CORPORA_OF_TABLE = Kind('corpora such as "cmumosi=my_mosi, meld=my_meld"', _read_corpora)
ALGORITHMS = Kind("names of fusions, or none", _read_algorithms)
SOME_METRICS = Kind("names of metrics", _read_metrics)
SELECTION = Kind(", ".join(('""', *METRICS, "ccc_TARGET")), _read_selection)
ANY_METRICS = Kind("names of metrics, or none", _read_shown)
SEED = Range(lambda value: 0 <= value < 1 << 32, "from 0 to 2**32 - 1")  # what a JAX key holds
FOLDS = Range(lambda value: value == 0 or value >= 2, "2 or more, or 0 to use the val split")
LABELLED = Range(
    lambda value: 0 < value <= 1 or value == int(value) > 1,
    "a share in (0, 1], or a whole number of clips of each class",
)
