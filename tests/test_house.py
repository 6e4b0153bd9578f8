"""How the package is cut: files that fit in the head, functions that take few things in a row."""

import ast
import itertools
import pathlib

import mer_jax

PACKAGE = pathlib.Path(mer_jax.__file__).parent
TESTS = pathlib.Path(__file__).parent
MOST_LINES = 300
MOST_POSITIONAL = 6  # what a caller may pass without its name, self or cls left out


def too_long(package):
    """Every file of too many lines, as a sentence."""
    found = []
    for path in sorted(package.rglob("*.py")):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MOST_LINES:
            found.append(f"{path.relative_to(package)} has {lines} lines")
    return found


def methods(tree):
    """The functions of classes that get the object or the class first."""
    for node in ast.walk(tree):
        for each in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and not any(
                isinstance(by, ast.Name) and by.id == "staticmethod" for by in each.decorator_list
            ):
                yield each


def many_in_a_row(package):
    """Every function of too many positional parameters, as a sentence."""
    found = []
    for path in sorted(package.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        bound = set(methods(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                takes = node.args.posonlyargs + node.args.args
                count = len(takes) - (node in bound)
                if count > MOST_POSITIONAL:
                    name = getattr(node, "name", "a lambda")
                    found.append(
                        f"{path.relative_to(package)}:{node.lineno} {name} takes {count} "
                        "positional parameters"
                    )
    return found


def near_names(names):
    """The pairs of names of which a letter more, less or other makes one the other."""

    def is_near(a, b):
        if len(a) == len(b):
            return sum(x != y for x, y in zip(a, b, strict=True)) == 1
        short, long = sorted((a, b), key=len)
        return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))

    return [pair for pair in itertools.combinations(sorted(set(names)), 2) if is_near(*pair)]


def test_no_two_test_files_differ_by_a_letter():
    assert near_names(path.name for path in TESTS.rglob("test_*.py")) == []
    near = ["test_read.py", "test_reads.py", "test_rend.py", "test_reds.py", "test_raed.py"]
    assert near_names(near) == [
        ("test_read.py", "test_reads.py"),
        ("test_read.py", "test_rend.py"),
        ("test_reads.py", "test_reds.py"),
    ]


def test_no_file_is_too_long():
    assert too_long(PACKAGE) == []


def test_no_function_takes_too_many_things_in_a_row():
    assert many_in_a_row(PACKAGE) == []


def test_both_are_found(tmp_path):
    (tmp_path / "room").mkdir()
    (tmp_path / "long.py").write_text("\n" * 301)
    (tmp_path / "room" / "short.py").write_text("\n" * 300)
    (tmp_path / "room" / "calls.py").write_text(
        "def six(a, b, c, d, e, f=1, *, g=2): ...\n"
        "def seven(a, b, /, c, d, e, f, g=1): ...\n"
        "class C:\n"
        "    def six(self, a, b, c, d, e, f): ...\n"
        "    def seven(self, a, b, c, d, e, f, g): ...\n"
        "    @staticmethod\n"
        "    def static(a, b, c, d, e, f, g): ...\n"
        "h = lambda a, b, c, d, e, f, g: a\n"
    )
    assert too_long(tmp_path) == ["long.py has 301 lines"]
    assert many_in_a_row(tmp_path) == [
        "room/calls.py:2 seven takes 7 positional parameters",
        "room/calls.py:5 seven takes 7 positional parameters",
        "room/calls.py:7 static takes 7 positional parameters",
        "room/calls.py:8 a lambda takes 7 positional parameters",
    ]
