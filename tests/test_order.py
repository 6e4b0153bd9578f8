"""No import runs upwards: rooms of the package know those before them in one order, never later."""

import ast
import pathlib

import pytest

import mer_jax

PACKAGE = pathlib.Path(mer_jax.__file__).parent
# From what knows nothing to what knows all. Rooms of one line may know each other; a room stands
# for the files in it, unless one of them is named by itself.
ORDER = (
    ("errors",),  # what any room may raise
    (
        "observer",
        "colours",
        "termination",
        "random_bits",
        "paths",
        "environment",
        "compilations",
        "streams",
    ),  # leaves
    ("extras",),  # packages that a command may lack
    ("files",),  # whole files or none: needs to say what went wrong
    (
        "task",
        "published",
        "published_merbench",
        "settings",
        "spans",
        "resampling",
        "ways",
    ),  # values and declarations without any data
    ("metrics",),  # before training, which chooses epochs by them
    ("corpora",),  # what a corpus predicts: data is read by it
    ("data",),  # a corpus in memory
    ("models",),  # of features, whatever corpus they are of
    ("extraction",),  # from raw clips to features, by pretrained models
    # What a step is made of, each with its own settings.
    ("semi", "training.optimizer", "training.losses"),
    ("config",),  # keys and trials: fusions, methods, corpora and metrics declare what they take
    ("workdir", "lock"),  # what the folder of a training holds, and one training at a time in it
    ("training",),  # trains the trials of a config
    ("progress", "bars"),  # shows what training tells
    ("evaluation",),  # predicts by what is trained and scores it; training sees no test label
    ("reporting",),  # pages and figures of a workdir
    ("experiment",),  # from a config to a workdir with its report
    ("tables", "search"),  # many experiments
    ("scoring", "asking"),  # predictions of others: nothing here trains, so nothing needs them
    ("modes",),  # a command is one of these, and knows all that it runs
    ("help", "process"),  # what surrounds a command
    ("command_line",),  # which mode it is
    ("main",),
)
RANKS = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}


def modules(package):
    """Each file of the package by its module's name, that of the package left out."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:  # the package itself only says what its users may call
            found[name] = path
    return found


def imported(path, known):
    """The modules of the package that a file imports, wherever in it, each with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            top, _, rest = name.partition(".")
            if top == "mer_jax" and rest:
                yield (rest if rest in known else rest.rpartition(".")[0] or rest), node.lineno


def rank(module):
    """Where a module stands: where it is named itself, or else its room."""
    name = module
    while name not in RANKS:
        name, dot, _ = name.rpartition(".")
        if not dot:
            pytest.fail(f"mer_jax.{module} stands nowhere in ORDER; say after what it comes")
    return RANKS[name]


def upwards(package):
    """Every import of a later room, as a sentence."""
    known = modules(package)
    return [
        f"{path.relative_to(package)}:{line} imports mer_jax.{other}, which comes after it"
        for module, path in known.items()
        for other, line in imported(path, known)
        if other and rank(other) > rank(module)
    ]


def test_no_import_runs_upwards():
    assert upwards(PACKAGE) == []


def test_an_import_that_runs_upwards_is_found(tmp_path):
    for name, text in {
        "__init__.py": "from mer_jax.reporting import run\n",
        "data/__init__.py": "",
        "data/arrays.py": "from mer_jax import errors\n\ndef f():\n    import mer_jax.config\n",
        "config/__init__.py": "",
        "config/keys.py": "from mer_jax.data import arrays\nfrom mer_jax.training import loop\n",
        "training/__init__.py": "",
        "training/loop.py": "from mer_jax.models.layers import Batch\n",
        "models/layers.py": "from mer_jax.config import check\n",
        "errors.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert upwards(tmp_path) == [
        "config/keys.py:2 imports mer_jax.training.loop, which comes after it",
        "data/arrays.py:4 imports mer_jax.config, which comes after it",
        "models/layers.py:1 imports mer_jax.config, which comes after it",
    ]


def test_no_mode_imports_another():
    known = modules(PACKAGE)
    shared = {"modes.record", "modes.flags"}
    found = [
        f"{path.relative_to(PACKAGE)}:{line} imports mer_jax.{other}"
        for module, path in known.items()
        if module.startswith("modes.")
        for other, line in imported(path, known)
        if other.startswith("modes") and other not in shared
    ]
    assert found == []
