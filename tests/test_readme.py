"""The README and the files beside it: what they show, say and lead to is true."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
HOW = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
#: A block of code and the text below it, which is what the code prints.
BLOCK = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```\n", re.S | re.M)
BLOCKS = BLOCK.findall(README)
HEADINGS = [
    README[: found.start()].rsplit("\n## ", 1)[1] for found in BLOCK.finditer(README)
]
#: Pages whose links the site does not check as they stand.
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/index.md",
    "docs/stability.md",
)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#([^)]+))?\)")


@pytest.mark.parametrize(
    ("code", "text"), BLOCKS, ids=[part.splitlines()[0] for part in HEADINGS]
)
def test_a_block_that_is_copied_runs_and_prints_what_it_shows(
    code: str, text: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        cwd=tmp_path,
        encoding="utf-8",
        env={**environment, "PYTHONPATH": str(ROOT / "src"), "PYTHONUTF8": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    matches = doctest.OutputChecker().check_output(text, done.stdout, HOW)
    assert matches, f"README says\n{text}\nbut the code prints\n{done.stdout}"


def test_no_block_is_left_out() -> None:
    kinds = re.findall(r"^```(\w*)\n.*?^```$", README, re.S | re.M)
    assert set(kinds) == {"python", "text", "sh", "console"}
    assert kinds.count("python") == kinds.count("text") == len(BLOCKS)


def anchors(page: Path) -> set[str]:
    """Headings as they stand behind # in a link."""
    heads = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    home = (ROOT / name).parent
    for path, anchor in LINK.findall((ROOT / name).read_text("utf-8")):
        assert (home / path).exists(), path
        assert not anchor or anchor in anchors(home / path), f"{path}#{anchor}"


def test_figures_are_those_of_the_pages() -> None:
    """Shares and seconds of a row stand on the page that the row names."""
    table = README.split("\n## How good it is\n")[1].split("\n## ")[0]
    rows = [row for row in table.splitlines() if "](benchmarks/" in row and row[0] == "|"]
    assert len(rows) == 8
    for row in rows:
        page = (ROOT / LINK.findall(row)[0][0]).read_text("utf-8")
        for figure in re.findall(r"\d+(?:\.\d+)?(?= %| s\b| \|)", row):
            assert re.search(rf"(?<![\d.]){re.escape(figure)}(?![\d.]*\d)", page), figure


@pytest.mark.parametrize(
    ("page", "figures"),
    [("honesty", ["540", "2.0", "9.6", "1.5 times"]), ("speed", ["0.566 s", "286 s"])],
)
def test_figures_in_sentences_are_those_of_the_pages(page: str, figures: list[str]) -> None:
    said = (ROOT / "benchmarks" / "results" / f"{page}.md").read_text("utf-8")
    for figure in figures:
        assert figure in README and re.search(rf"(?<![\d.]){re.escape(figure)}", said), (
            figure
        )


def project() -> dict[str, Any]:
    with open(ROOT / "pyproject.toml", "rb") as file:
        return tomllib.load(file)["project"]


def test_versions_are_those_of_the_package() -> None:
    [line] = re.findall(r"^MIT licence · (.*)$", README, re.M)
    assert project()["license"] == "MIT"
    assert re.findall(r"3\.\d+", line) == re.findall(
        r"Python :: (3\.\d+)", "\n".join(project()["classifiers"])
    )


def test_the_citation_is_of_this_package() -> None:
    """Fields that the format requires, and those that pyproject.toml states, too."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    stated = project()
    assert citation["title"] == stated["name"]
    assert [author["name"] for author in citation["authors"]] == [
        author["name"] for author in stated["authors"]
    ]
    for name in ("version", "license", "keywords"):
        assert citation[name] == stated[name]


def test_the_changelog_begins_with_what_is_not_released() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    first, *rest = re.findall(r"^## (.*)$", changes, re.M)
    assert first == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", part) for part in rest)
    kinds = re.findall(r"^### (.*)$", changes, re.M)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
