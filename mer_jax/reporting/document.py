"""A document of sections, tables and pictures, and its two forms: Markdown and one HTML file."""

import base64
import html
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

FIGURES = "figures"  # the folder of the pictures, beside report.md
# What Markdown would read as more than text; within a word an underscore is one.
_SPECIAL = re.compile(r"[\\`*<|~]|(?<!\w)_|_(?!\w)|\](?=[(\[:])|&(?=[#\w]+;)")
_STYLE = """
body { margin: 0 auto; max-width: 72rem; padding: 0 1rem 4rem; color: #1c1e21; background: #fff;
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 2rem 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid #d5d9de; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
p { max-width: 46rem; margin: .5rem 0; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0; }
a { color: #0056a0; }
.wide { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem .2rem 0; text-align: right; white-space: nowrap;
  vertical-align: top; }
th:first-child, td:first-child, .words th, .words td { text-align: left; }
.words td { white-space: normal; overflow-wrap: anywhere; }
thead th { border-bottom: 1px solid #1c1e21; }
tbody th { font-weight: 600; }
tbody tr.more th { font-weight: 400; padding-left: 1rem; }
tbody tr.more { color: #555b63; }
.beside { display: grid; gap: .75rem 2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); }
.beside > * { min-width: 0; margin: 0; }
figure { margin: .75rem 0; }
@media (max-width: 32rem) {
  table { font-size: .8rem; }
  th, td { padding-right: .5rem; }
}
img { display: block; max-width: 100%; height: auto; }
"""


class Text(NamedTuple):
    """A paragraph."""

    text: str


class Table(NamedTuple):
    """Rows under a header; the first cell names the row, and one that begins with a space goes
    with the row above it."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    words: bool = False  # its cells are sentences, which may break


class Image(NamedTuple):
    """A picture by its name in figures/."""

    name: str
    alt: str


class Beside(NamedTuple):
    """Tables or pictures side by side where there is room."""

    parts: Sequence[Table | Image]


class Section(NamedTuple):
    """A heading and the parts below it."""

    title: str
    parts: Sequence[Text | Table | Image | Beside]


class Document(NamedTuple):
    """A title, the paragraphs below it, and the sections."""

    title: str
    lead: Sequence[Text]
    sections: Sequence[Section]


def markdown(document: Document) -> str:
    """The document as Markdown with pipe tables; pictures are files in figures/."""
    blocks = [f"# {_plain(document.title)}", *map(_markdown, document.lead)]
    for section in document.sections:
        blocks += [f"## {_plain(section.title)}", *map(_markdown, section.parts)]
    return "\n\n".join(blocks) + "\n"


def _markdown(part: Text | Table | Image | Beside) -> str:
    match part:
        case Text(text):
            return _plain(text)
        case Image(name, alt):
            return f"![{_plain(alt)}]({FIGURES}/{name}.png)"
        case Beside(parts):
            return "\n\n".join(map(_markdown, parts))
        case Table(header, rows, title, words):
            lines = [header, ["---" if words or not i else "---:" for i in range(len(header))]]
            lines[0] = [_plain(cell) for cell in header]
            lines += [[_plain(cell) for cell in row] for row in rows]
            text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
            return f"### {_plain(title)}\n\n{text}" if title else text


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)


def web_page(document: Document, pictures: Mapping[str, bytes]) -> str:
    """The document as one HTML file that needs nothing else; `pictures` are PNGs by name."""
    title = html.escape(document.title)
    ids = [re.sub(r"\W+", "-", section.title.lower()) for section in document.sections]
    links = "\n".join(
        f'<li><a href="#{name}">{html.escape(section.title)}</a></li>'
        for name, section in zip(ids, document.sections, strict=True)
    )
    body = [f"<h1>{title}</h1>", *(_html(part, pictures) for part in document.lead)]
    body.append(f'<nav aria-label="Sections"><ul>\n{links}\n</ul></nav>')
    for name, section in zip(ids, document.sections, strict=True):
        parts = "\n".join(_html(part, pictures) for part in section.parts)
        heading = f"<h2>{html.escape(section.title)}</h2>"
        body.append(f'<section id="{name}">\n{heading}\n{parts}\n</section>')
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{title}</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            "<main>",
            *body,
            "</main>",
            "</body>",
            "</html>",
            "",
        )
    )


def _html(part: Text | Table | Image | Beside, pictures: Mapping[str, bytes]) -> str:
    match part:
        case Text(text):
            return f"<p>{html.escape(text)}</p>"
        case Image(name, alt):
            source = base64.b64encode(pictures[name]).decode()
            return (
                f'<figure><img alt="{html.escape(alt)}" src="data:image/png;base64,{source}">'
                "</figure>"
            )
        case Beside(parts):
            inner = "\n".join(f"<div>{_html(each, pictures)}</div>" for each in parts)
            return f'<div class="beside">\n{inner}\n</div>'
        case Table():
            return _html_table(part)


def _html_table(table: Table) -> str:
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in table.header)
    lines = [f"<thead><tr>{head}</tr></thead>", "<tbody>"]
    for first, *others in table.rows:
        kind = ' class="more"' if first.startswith(" ") else ""
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in others)
        name = f'<th scope="row">{html.escape(first.strip())}</th>'
        lines.append(f"<tr{kind}>{name}{cells}</tr>")
    lines.append("</tbody>")
    kind = ' class="words"' if table.words else ""
    # A wide table scrolls by itself; the keyboard reaches it too.
    label = html.escape(table.title or table.header[0] or "table")
    body = f"<table{kind}>\n" + "\n".join(lines) + "\n</table>"
    scroll = f'<div class="wide" role="region" aria-label="{label}" tabindex="0">{body}</div>'
    return f"<h3>{html.escape(table.title)}</h3>\n{scroll}" if table.title else scroll
