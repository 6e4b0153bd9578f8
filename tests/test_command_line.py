"""The command line: its help, whose examples parse, its mistakes, and --quiet."""

import ast
import dataclasses
import json
import pathlib
import shlex
import subprocess
import sys

import pytest

from mer_jax import command_line as command_line_lib
from mer_jax import config as config_lib
from mer_jax import help as help_lib
from mer_jax import modes
from mer_jax.errors import InputError
from mer_jax.modes import flags
from mer_jax.modes.record import Flag, Mode

MODES = modes.MODES


def takers(flag):
    """The modes that take a flag, as messages list them."""
    return help_lib.joined(help_lib.modes_with(flag))


@pytest.fixture
def parse(tmp_path, monkeypatch):
    """Parses command lines where configs/ and a trained runs/multi are."""
    (tmp_path / "configs").symlink_to(config_lib.CONFIGS)
    (tmp_path / "runs" / "multi").mkdir(parents=True)
    record = {"config": config_lib.check(config_lib.load_base()).to_dict()}
    (tmp_path / "runs" / "multi" / "config.json").write_text(json.dumps(record))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: command_line_lib.parse(["main", *arguments])


def test_help_shows_every_mode_and_flag(command_line):
    done = command_line("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    for mode in MODES.values():
        assert f"--mode={mode.name} " in done.stdout
        assert f"  python -m mer_jax.main {mode.example}\n" in done.stdout
        for flag in mode.flags:
            assert f"  {flag.usage} " in done.stdout
    for flag in ("--config=FILE", "--workdir=DIR", "--quiet"):
        assert f"  {flag} " in done.stdout


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_the_help_of_a_mode_shows_its_own_flags(parse, capsys, mode):
    with pytest.raises(SystemExit) as ended:
        parse(f"--mode={mode.name}", "--help")
    assert ended.value.code == 0
    shown = {line.split()[0] for line in capsys.readouterr().out.splitlines() if "  --" in line}
    own = {flag.usage for flag in mode.flags} | {"--quiet"}
    if mode.needs_config:
        own.add("--config=FILE")
    if mode.needs_config or mode.needs_workdir:
        own.add("--workdir=DIR")
    assert shown == own


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_the_example_of_a_mode_parses(parse, mode):
    parsed, arguments = parse(*shlex.split(mode.example))
    assert parsed is mode
    assert not arguments.quiet
    assert (arguments.config is not None) == mode.needs_config


def test_what_a_mode_is_given(parse):
    _, arguments = parse("--mode=evaluate", "--workdir", "runs/multi", "--labels=a.csv", "--quiet")
    assert arguments.quiet
    assert arguments.workdir == pathlib.Path("runs/multi")
    assert arguments["labels"] == pathlib.Path("a.csv")
    assert arguments.config.folds == 5
    _, arguments = parse("--workdir=x", "--config", "configs/base.py", "--config.folds", "4")
    assert (arguments.mode, arguments.config.folds, arguments["coordinator"]) == ("train", 4, None)


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        ("--mode=trian", f"--mode: unknown mode 'trian'; one of: {', '.join(MODES)}"),
        ("--process_count=two", "--process_count: 'two' is not a whole number"),
        ("--quiet=perhaps", "--quiet: 'perhaps' is not True or False"),
        ("--config.folds=x", "config.folds: 'x' is not a whole number"),
        ("--workdirr=x", "--workdirr: unknown flag; did you mean --workdir?"),
        ("--frobnicate", "--frobnicate: unknown flag; --help lists the flags"),
        ("--against=x", f"--against goes with --mode={takers('against')}"),
        ("--labels=x", f"--labels goes with --mode={takers('labels')}"),
        ("--out=x", f"--out goes with --mode={takers('out')}"),
        ("--coordinator", "--coordinator needs a value"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(parse, mistake, sentence):
    with pytest.raises(InputError) as refusal:
        parse("--workdir=runs/multi", mistake)
    assert str(refusal.value) == sentence


# A mode of every kind of flag

EVERY_KIND = Mode(
    name="score",
    help="Scores.",
    run=print,
    example="--mode=score --pair=a",
    flags=(
        Flag("pair", "Files.", pathlib.Path, repeated=True),
        Flag("table", "A file.", pathlib.Path),
        Flag("level", "Which.", choices=("clip", "speaker"), default="clip"),
        Flag("top", "How many.", int, least=1, default=3),
        Flag("share", "A share.", float, least=0, most=1),
        Flag("weight", "Weights.", float, repeated=True),
        Flag("strict", "Whether.", bool, default=False),
    ),
    needs=(("pair", "table"),),
)


def test_an_override_of_a_part_that_the_config_lacks(parse, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from configs import base\n"
        "def get_config():\n"
        "    config = base.get_config()\n"
        "    with config.unlocked():\n"
        "        del config.data\n"
        "    return config\n"
    )
    with pytest.raises(InputError, match=r"^config\.data is missing; start from"):
        parse(f"--config={tmp_path / 'mine.py'}", "--workdir=run", "--config.data.root=here")


@pytest.fixture
def scoring(monkeypatch):
    monkeypatch.setitem(modes.MODES, "score", EVERY_KIND)


def test_a_mode_without_config_and_workdir(parse, scoring):
    mode, arguments = parse(
        "--mode=score", "--pair=a", "--pair", "b", "--top=5", "--share=0.5", "--weight=1",
        "--weight=2.5", "--strict", "--level=speaker",
    )  # fmt: skip
    assert mode is EVERY_KIND
    assert (arguments.config, arguments.workdir) == (None, None)
    assert arguments.flags == {
        "pair": (pathlib.Path("a"), pathlib.Path("b")), "table": None, "level": "speaker",
        "top": 5, "share": 0.5, "weight": (1.0, 2.5), "strict": True,
    }  # fmt: skip
    _, arguments = parse("--mode=score", "--table=t", "--nostrict")
    assert arguments.flags == {
        "pair": (), "table": pathlib.Path("t"), "level": "clip", "top": 3, "share": None,
        "weight": (), "strict": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        ([], "--mode=score needs --pair=FILE or --table=FILE"),
        (["--pair=a", "--level=word"], "--level: unknown level 'word'; one of: clip, speaker"),
        (["--pair=a", "--top=x"], "--top: 'x' is not a whole number"),
        (["--pair=a", "--top=0"], "--top: '0' is not 1 or more"),
        (["--pair=a", "--share=1.5"], "--share: '1.5' is not from 0 to 1"),
        (["--pair=a", "--weight=x"], "--weight: 'x' is not a number"),
        (["--pair=a", "--strict=x"], "--strict: 'x' is not True or False"),
        (["--pair=a", "--config=configs/base.py"], "--mode=score takes no --config"),
        (["--pair=a", "--config.folds=3"], "--mode=score takes no --config"),
        (["--pair=a", "--workdir=x"], "--mode=score takes no --workdir"),
        (["--pair=a", "more"], "'more' is not a flag; flags begin with --, and --help lists them"),
    ],
)
def test_a_mistake_in_a_flag_of_any_kind(parse, scoring, mistake, sentence):
    with pytest.raises(InputError) as refusal:
        parse("--mode=score", *mistake)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a-b"}, {"kind": list}, {"kind": int, "choices": ("a",)}, {"least": 1},
        {"most": 1}, {"kind": bool, "repeated": True}, {"repeated": True, "default": "a"},
    ],
    ids=str,
)  # fmt: skip
def test_a_misdeclared_flag_is_an_error_where_it_stands(wrong):
    with pytest.raises(ValueError, match="flag "):
        Flag(**{"name": "a", "help": "", **wrong})


def test_a_misdeclared_mode_is_an_error_where_it_stands():
    for wrong in ({"needs": (("pear",),)}, {"flags": EVERY_KIND.flags * 2}):
        with pytest.raises(ValueError, match="mode 'score'"):
            dataclasses.replace(EVERY_KIND, **wrong)


# The registry


def test_flags_of_one_name_are_one_flag():
    """A flag that two modes take is declared once, so that it means the same in both.

    But for --out, which is a file of some modes and a folder of others.
    """
    found = {}
    for mode in MODES.values():
        for flag in mode.flags:
            outs = (
                flags.OUT_FILE,
                flags.OUT_FOLDER,
                flags.OUT_REPORT,
                flags.OUT_CORPUS,
                flags.OUT_CLIPS,
                flags.OUT_PIECES,
            )
            is_out = flag in outs
            flag = flags.OUT if is_out else flag  # noqa: PLW2901
            assert found.setdefault(flag.name, flag) is flag, flag.name


def test_a_mode_imports_no_other_and_none_imports_what_is_heavy():
    folder = pathlib.Path(modes.__file__).parent
    for path in folder.glob("[!_]*.py"):
        imported = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported |= {f"{node.module}.{alias.name}" for alias in node.names}
        for name in MODES:
            assert not any(each.startswith(f"mer_jax.modes.{name}") for each in imported), path
    heavy = ("jax", "numpy", "tensorflow_datasets", "orbax", "ml_collections", "rich")
    code = f"import sys, mer_jax.main, mer_jax.modes; print({{*{heavy}}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_quiet_leaves_warnings():
    code = (
        "import logging, sys; from mer_jax import process; process.log_to_stderr();"
        "{} and process.be_quiet();"
        "log = logging.getLogger('mer_jax'); log.info('an information'); log.warning('a warning')"
    )
    for quiet, told in ((0, "an information\na warning\n"), (1, "a warning\n")):
        done = subprocess.run(
            [sys.executable, "-c", code.format(quiet)], capture_output=True, text=True, check=True
        )
        assert (done.stdout, done.stderr) == ("", told)


@pytest.mark.parametrize(
    "out",
    ["runs/multi/config.json", "runs/multi/checkpoints/x.csv", "mine/label-6way.npz",
     "mine/train-label.csv", "mine/features/a.csv"],
)  # fmt: skip
def test_an_output_does_not_replace_a_training_or_its_data(parse, out):
    arguments = ("--mode=predict", "--workdir=runs/multi", "--config.data.root=mine")
    with pytest.raises(InputError, match=f"--out: {out} would replace what the training"):
        parse(*arguments, f"--out={out}")
    for free in ("runs/multi/predict.csv", "mine/out.csv", "out.csv"):
        parse(*arguments, f"--out={free}")
