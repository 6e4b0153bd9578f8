"""Tables over corpora: algorithms by corpora (MERBench), or each corpus tested on the others."""

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from mer_jax import config as config_lib
from mer_jax import corpora
from mer_jax.config import kinds
from mer_jax.corpora import shared
from mer_jax.data import corpus as corpus_lib
from mer_jax.data import label_files
from mer_jax.errors import InputError, counted, first_few
from mer_jax.tables.reading import FAILED
from mer_jax.task import VALIDATION, sets_of

_WHERE = "config.table.corpora"
# What MERBench asks of a corpus that can be trained otherwise: CMU-MOSI without its two classes.
_PROTOCOL = {"cmumosi": {"data.task": "valence", "train.selection": "sign_f1"}}
_SAME_CLIPS = {"iemocap4", "iemocap6"}  # neither says anything of unknown clips of the other


class Cell(NamedTuple):
    """One training: of an algorithm on a corpus, or of the config's model on one."""

    corpus: str
    algorithm: str = ""  # empty: the config's model, which is tested on other corpora too

    @property
    def label(self) -> str:
        """As the log calls it: `tfn on cmumosi`."""
        return f"{self.algorithm} on {self.corpus}" if self.algorithm else self.corpus

    @property
    def folder(self) -> str:
        """The cell's workdir in the table's: `cmumosi/tfn`."""
        return f"{self.corpus}/{self.algorithm}" if self.algorithm else self.corpus


def is_asked_for(config: ConfigDict) -> bool:
    """Whether a config's table is one over corpora."""
    return bool(config.table.corpora or config.table.algorithms)


def is_cross_corpus(config: ConfigDict) -> bool:
    """Whether each corpus of the table is tested on the others."""
    return bool(config.table.corpora) and not config.table.algorithms


def roots(config: ConfigDict) -> dict[str, str]:
    """The folder of each corpus of the table; InputError without any."""
    least, known = (1, kinds.WITH_FOLDERS) if config.table.algorithms else (2, shared.TESTED)
    found = shared.read(kinds.corpora_in(config.table.corpora), _WHERE, known)
    if len(found) < least:
        raise InputError(
            f"{_WHERE} names {len(found)} of the {least} corpora or more that the table needs; "
            'give each its folder, "cmumosi=my_mosi, meld=my_meld"'
        )
    return found


def cells(config: ConfigDict) -> list[Cell]:
    """The trainings of the table, an algorithm's on all corpora together."""
    algorithms = config.table.algorithms or ("",)
    return [Cell(corpus, algorithm) for algorithm in algorithms for corpus in roots(config)]


def tested_on(corpus: str, others: Mapping[str, str]) -> dict[str, str]:
    """Those of `others`, folders by corpus, that a model of a corpus can be tested on.

    Emotions on emotions, sentiment on sentiment, and on no clips that it may have seen.
    """
    signed = corpora.corpus_info(corpus).task.signed
    return {
        name: root
        for name, root in others.items()
        if name != corpus
        and corpora.corpus_info(name).task.signed == signed
        and not {name, corpus} <= _SAME_CLIPS
    }


def resolve(config: ConfigDict) -> tuple[dict[Cell, ConfigDict], dict[Cell, str]]:
    """The config of each cell whose corpus and features are there, and a note for each other one.

    Raises InputError where none can be trained.
    """
    corpus_lib.modalities(config)  # raises where none is named
    of_cells, notes = {}, {}
    has_validation: dict[str, bool] = {}
    for cell in cells(config):
        try:
            of_cell = _config_of(config, cell, has_validation)
            present = corpus_lib.available(of_cell)
            missing = [name for name in sets_of(config.features).values() if name not in present]
            if missing:
                notes[cell] = f"missing: {', '.join(missing)}"
            else:
                of_cells[cell] = of_cell
        except InputError as error:
            notes[cell] = f"{FAILED}{error}"
    if not of_cells:
        raise InputError(
            f"none of the {counted(len(notes), 'training')} of the table can begin: "
            f"{first_few(dict.fromkeys(notes.values()))}"
        )
    return of_cells, notes


def _config_of(config: ConfigDict, cell: Cell, has_validation: dict[str, bool]) -> ConfigDict:
    """The config of a cell: that of its search, under what the table's config has set."""
    start, defaults = config_lib.load_base(), config_lib.load_base()
    if cell.algorithm:
        start = config_lib.load_file(f"merbench_search:{cell.algorithm}")
        defaults = config_lib.load_file("merbench")
    usual = config_lib.flatten(config_lib.check(defaults))
    given = {key: value for key, value in config_lib.flatten(config).items() if usual[key] != value}
    folders = roots(config)
    settings: dict[str, Any] = {
        **_PROTOCOL.get(cell.corpus, {}),
        **given,
        "data.corpus": cell.corpus,
        "data.root": folders[cell.corpus],
    }
    of_cell = ConfigDict(start.copy_and_resolve_references().to_dict())
    with of_cell.ignore_type():
        of_cell.update_from_flattened_dict(settings)
    of_cell.table = config_lib.load_base().table
    if cell.corpus not in has_validation:
        has_validation[cell.corpus] = _has_validation(of_cell)
    if has_validation[cell.corpus]:
        of_cell.folds = 0
    if not cell.algorithm:
        others = tested_on(cell.corpus, folders)
        of_cell.data.test_corpora = tuple(f"{name}={root}" for name, root in others.items())
    return config_lib.check(of_cell)


def _has_validation(config: ConfigDict) -> bool:
    """Whether the corpus has a split of its own to validate by."""
    info = corpus_lib.info_of(config)
    root = pathlib.Path(config.data.root)
    if not root.is_dir():
        raise InputError(f"{_WHERE}: no folder {root}")
    labels = label_files.read(label_files.find(root, info), info)
    return bool(labels.splits.get(VALIDATION))
