"""Markdown and HTML of one description: every text arrives, none is taken for markup."""

from mer_jax.reporting import document
from mer_jax.reporting.document import Beside, Document, Image, Section, Table, Text
from tests.support.pages import Parsed

HOSTILE = 'a|b*c*<script>alert(1)</script>&amp;[x](http://y)"`_z_'
PICTURE = b"\x89PNG\r\n"
CONTENT = Document(
    f"Title {HOSTILE}",
    [Text("Lead.")],
    [
        Section(
            "First", [Text(HOSTILE), Table(("name", "x"), [(HOSTILE, HOSTILE), (" more", "2")])]
        ),
        Section(
            "Second part",
            [Beside([Image("one", f"alt {HOSTILE}"), Table(("a", "b"), [("c", "d")], "Titled")])],
        ),
    ],
)


def test_html_holds_every_text_as_text():
    page = Parsed(document.web_page(CONTENT, {"one": PICTURE}))
    assert page.open == []
    assert page.text["h1"] == page.text["title"] == [f"Title {HOSTILE}"]
    assert page.text["h2"] == page.text["a"] == ["First", "Second part"]
    assert page.text["p"] == ["Lead.", HOSTILE]
    assert page.text["h3"] == ["Titled"]
    assert page.text["th"] == ["name", "x", HOSTILE, "more", "a", "b", "c"]
    assert page.text["td"] == [HOSTILE, "2", "d"]
    assert {"class": "more"} in page.named("tr")
    assert page.named("script") == []


def test_html_needs_nothing_else():
    page = Parsed(document.web_page(CONTENT, {"one": PICTURE}))
    (image,) = page.named("img")
    assert image["alt"] == f"alt {HOSTILE}"
    assert image["src"] == "data:image/png;base64,iVBORw0K"
    targets = [a["href"] for a in page.named("a")]
    assert targets == [f"#{attributes['id']}" for attributes in page.named("section")]
    assert all(link["href"].startswith("data:") for link in page.named("link"))


def test_markdown_escapes_what_would_be_markup():
    escaped = r"a\|b\*c\*\<script>alert(1)\</script>\&amp;[x\](http://y)" + '"' + r"\`\_z\_"
    lines = document.markdown(CONTENT).splitlines()
    assert lines[0] == f"# Title {escaped}"
    assert f"| {escaped} | {escaped} |" in lines
    assert f"![alt {escaped}](figures/one.png)" in lines
    assert [line for line in lines if line.startswith("##")] == [
        "## First", "## Second part", "### Titled",
    ]  # fmt: skip
    at = lines.index("| name | x |")
    assert lines[at - 1] == ""
    assert lines[at + 1] == "| --- | ---: |"


def test_names_stay_readable():
    text = document.markdown(Document("mer_multi [0.1, 0.2] 5-6", [], []))
    assert text == "# mer_multi [0.1, 0.2] 5-6\n"
