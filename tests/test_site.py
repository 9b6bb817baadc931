"""The site: what mkdocs makes of the pages."""

from __future__ import annotations

import html
import importlib.util
import re
import unicodedata
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
EXTENSIONS = ["attr_list", "footnotes", "md_in_html", "tables", "fenced_code"]


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    """docs/site_hooks.py, where the libraries of the site are installed."""
    pytest.importorskip("mkdocs")
    pytest.importorskip("latex2mathml")
    spec = importlib.util.spec_from_file_location("site_hooks", DOCS / "site_hooks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rendered(hooks: ModuleType, text: str) -> str:
    """The HTML of a page's text."""
    markdown = pytest.importorskip("markdown")
    page = SimpleNamespace(file=SimpleNamespace(src_uri="page.md"), meta={})
    found = markdown.markdown(hooks.on_page_markdown(text, page), extensions=EXTENSIONS)
    return str(found)


def test_a_formula_at_the_beginning_of_a_line_stays_in_its_paragraph(
    hooks: ModuleType,
) -> None:
    found = rendered(
        hooks, "It explains\n$1/y^2$, $y$ or\n$\\ln y$ for a while.\n\n- one\n  $x$"
    )
    paragraph = re.search(r"<p>(.*?)</p>", found, re.S)
    assert paragraph and paragraph[1].count("</math>") == 3
    assert paragraph[1].endswith("for a while.")
    assert re.search(r"<li>one\s.*</math>.*</li>", found)


@pytest.mark.parametrize("page", PAGES)
def test_no_line_within_a_paragraph_begins_a_block(page: str, hooks: ModuleType) -> None:
    """Markdown would end the paragraph before a line that begins with <math>."""
    path = SimpleNamespace(file=SimpleNamespace(src_uri=page), meta={})
    text = hooks.on_page_markdown((DOCS / page).read_text("utf-8"), path)
    for tag in re.findall(r"^ {0,3}(<math[^>]*>)", text, re.M):
        assert 'display="block"' in tag


def formulas(hooks: ModuleType, page: str) -> list[str]:
    """The MathML of a page."""
    path = SimpleNamespace(file=SimpleNamespace(src_uri=page), meta={})
    text = hooks.on_page_markdown((DOCS / page).read_text("utf-8"), path)
    return re.findall(r"<math.*?</math>", text, re.S)


@pytest.mark.parametrize("page", PAGES)
def test_formulas_fit_on_a_phone(page: str, hooks: ModuleType) -> None:
    """A block scrolls within its box; a formula in a line cannot be broken and is short."""
    css = (DOCS / "style.css").read_text("utf-8")
    assert re.search(r"\.formula \{[^}]*overflow-x: auto", css)
    found = rendered(hooks, (DOCS / page).read_text("utf-8"))
    blocks = found.count('display="block"')
    assert found.count('<div class="formula"><math') == blocks
    for formula in formulas(hooks, page):
        if 'display="block"' not in formula:
            assert len(html_text(formula)) <= 36  # of the 390 pixels of a phone some 320


def html_text(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", markup))


def test_the_font_of_formulas_has_their_characters(hooks: ModuleType) -> None:
    fonts = pytest.importorskip("fontTools.ttLib")
    css = (DOCS / "style.css").read_text("utf-8")
    [url] = re.findall(r'url\("(.+?)"\)', css)
    font = fonts.TTFont(DOCS / url)
    assert "MATH" in font
    known = set(font.getBestCmap())
    for formula in [f for page in PAGES for f in formulas(hooks, page)]:
        assert {ord(c) for c in html_text(formula) if not c.isspace()} <= known
        letters = map(html.unescape, re.findall(r"<mi>([^<]+)</mi>", formula))
        assert {ord(italic(c)) for c in letters if len(c) == 1 and c.isalpha()} <= known


def italic(letter: str) -> str:
    """What MathML shows for an identifier of one letter."""
    if letter == "h":
        return "\N{PLANCK CONSTANT}"
    kind = unicodedata.name(letter).removeprefix("LATIN ").removeprefix("GREEK ")
    kind = kind.replace(" LETTER", "")
    try:
        return unicodedata.lookup(f"MATHEMATICAL ITALIC {kind}")
    except KeyError:
        return letter


def test_records_of_measurements_and_decisions_are_not_searched(hooks: ModuleType) -> None:
    """The plugin of the theme leaves out what has this in its front matter."""

    def found(uri: str) -> bool:
        page = SimpleNamespace(file=SimpleNamespace(src_uri=uri), meta={})
        hooks.on_page_markdown("text", page)
        return page.meta.get("search") != {"exclude": True}

    assert not found("benchmarks/results/speed.md")
    assert not found("contributing/decisions/index.md")
    assert found("results.md") and found("contributing/architecture.md")


# Words


#: Words that once stood beside those of the glossary, and what is said instead.
RETIRED = {
    "open search": "automatic search",
    "relaxed search": "mixture",
    "counted nodes": "counted graph",
}


@pytest.mark.parametrize("page", [*PAGES, "../README.md"])
def test_pages_use_the_words_of_the_glossary(page: str) -> None:
    text = " ".join((DOCS / page).read_text("utf-8").lower().split())
    assert not [f"{old}: say {new}" for old, new in RETIRED.items() if old in text]


def test_the_glossary_has_every_word_once() -> None:
    text = (DOCS / "glossary.md").read_text("utf-8")
    words = re.findall(r"\*\*(.+?)\*\*", text)
    assert len(set(words)) == len(words) >= 30
    assert {"Graph", "Primitive", "Criterion", "Weight", "Rival", "Group"} <= set(words)
