"""What the README and docs/ name is there: files, headings, keys of the config, targets of make."""

import functools
import pathlib
import re

import pytest

from mer_jax import config as config_lib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted(ROOT.glob("docs/*.md"))]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
_ENDINGS = ("csv", "json", "md", "pth", "py", "safetensors", "tex")  # model.pth, table.md
_LINK = re.compile(r'\]\(([^)\s]+)\)|<img src="([^"]+)"')


@functools.cache
def text_of(page):
    return page.read_text()


def prose_of(page):
    """A page without its blocks of code, in which brackets are no links."""
    without = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    return "\n".join(line for line in without.splitlines() if not line.startswith("    "))


def anchors_of(page):
    """How GitHub names a page's headings in addresses."""
    headings = re.findall(r"^#+ (.*)$", prose_of(page), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@each_page
def test_every_link_leads_somewhere(page):
    for found in _LINK.finditer(prose_of(page)):
        link = found[1] or found[2]
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists() and target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors_of(target), link


@each_page
def test_every_key_of_the_config_is_one(page):
    keys = set(config_lib.flatten(config_lib.load_base()))
    parts = {key.rpartition(".")[0] for key in keys if "." in key}
    written = set(
        re.findall(r"(?<!mer_jax\.)config\.([a-z_]+(?:\.[a-z_]+)*)(?![\w(])", text_of(page))
    )
    sections = "|".join(sorted({part.partition(".")[0] for part in parts}))
    written |= set(re.findall(rf"`((?:{sections})\.[a-z_.]+)`", text_of(page)))
    names = {key for key in written - keys - parts if key.rpartition(".")[2] not in _ENDINGS}
    assert not names


@each_page
def test_every_target_of_make_is_one(page):
    (declared,) = re.findall(r"^\.PHONY: (.*)$", text_of(ROOT / "Makefile"), re.MULTILINE)
    written = re.findall(r"(?:^    |`)make ([a-z]+)", text_of(page), re.MULTILINE)
    assert set(written) <= set(declared.split())


def test_every_guarantee_names_a_test_that_is_there():
    named = re.findall(r"`([a-z_/]+\.py)(?:::(\w+))?`", text_of(ROOT / "docs" / "reliability.md"))
    assert len(named) > 20
    for file, test in named:
        path = ROOT / "tests" / file
        assert path.is_file(), file
        assert not test or f"def {test}(" in text_of(path), f"{file}::{test}"


def test_the_readme_leads_to_every_page():
    linked = {found[1] for found in _LINK.finditer(text_of(ROOT / "README.md"))}
    missing = [page.name for page in ROOT.glob("docs/*.md") if f"docs/{page.name}" not in linked]
    assert not missing
    assert text_of(ROOT / "README.md").count("\n") <= 130  # a door, not the house
