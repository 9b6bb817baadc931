"""The site: what mkdocs makes of the pages."""

from __future__ import annotations

import importlib.util
import re
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
    html: str = markdown.markdown(hooks.on_page_markdown(text, page), extensions=EXTENSIONS)
    return html


def test_a_formula_at_the_beginning_of_a_line_stays_in_its_paragraph(
    hooks: ModuleType,
) -> None:
    html = rendered(
        hooks, "It explains\n$1/y^2$, $y$ or\n$\\ln y$ for a while.\n\n- one\n  $x$"
    )
    paragraph = re.search(r"<p>(.*?)</p>", html, re.S)
    assert paragraph and paragraph[1].count("</math>") == 3
    assert paragraph[1].endswith("for a while.")
    assert re.search(r"<li>one\s.*</math>.*</li>", html)


@pytest.mark.parametrize("page", PAGES)
def test_no_line_within_a_paragraph_begins_a_block(page: str, hooks: ModuleType) -> None:
    """Markdown would end the paragraph before a line that begins with <math>."""
    path = SimpleNamespace(file=SimpleNamespace(src_uri=page), meta={})
    text = hooks.on_page_markdown((DOCS / page).read_text("utf-8"), path)
    for tag in re.findall(r"^ {0,3}(<math[^>]*>)", text, re.M):
        assert 'display="block"' in tag
