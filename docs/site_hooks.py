"""What the site shows beside docs/: examples, benchmarks, and formulas without scripts.

mkdocs calls the `on_…` functions (see `hooks` in mkdocs.yml).
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES, BENCHMARKS = ROOT / "examples", ROOT / "benchmarks"
#: Where pages of the repository's root are on the site.
GUIDE, CHANGES = "contributing/index.md", "changelog.md"
#: Records of measurements and decisions, which would hide other pages in the site's search.
LOGS = ("benchmarks/results/", "contributing/decisions/")
#: Code, which is left as it is, or a formula: $$ … $$ or $ … $ without inner spaces.
_CODE_OR_FORMULA = re.compile(
    r"(?P<code>^```.*?^```|`[^`\n]+`)|\$\$(?P<block>.+?)\$\$"
    r"|(?<![\\$\w])\$(?P<inline>\S|\S[^$\n]*?\S)\$(?![\w$])",
    re.S | re.M,
)

_FROM_ELSEWHERE = re.compile(r'<(?:script|img|link|iframe)\b[^>]*"(?:https?:)?//[^"]*"')
_log = logging.getLogger("mkdocs.plugins.site_hooks")


def on_files(files: Any, config: Any) -> Any:
    """Add pages that live elsewhere in the repository."""
    for script in sorted(EXAMPLES.glob("*.py")):
        uri = f"examples/{script.stem}.md"
        files.append(File.generated(config, uri, content=notebook(script)))
    for path in [BENCHMARKS / "README.md", *sorted((BENCHMARKS / "results").iterdir())]:
        if path.suffix in (".md", ".svg"):
            uri = f"benchmarks/{path.relative_to(BENCHMARKS).as_posix()}"
            files.append(File.generated(config, uri, abs_src_path=str(path)))
    for uri, name in ((GUIDE, "CONTRIBUTING.md"), (CHANGES, "CHANGELOG.md")):
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / name)))
    return files


def on_config(config: Any) -> Any:
    """Pages of benchmarks and decisions are whatever there is."""
    parts = {title: pages for part in config.nav for title, pages in part.items()}
    pages = parts["Benchmarks"]
    for path in sorted((BENCHMARKS / "results").glob("*.md")):
        pages.append({_title(path): f"benchmarks/results/{path.name}"})
    decisions = sorted((ROOT / "docs" / "contributing" / "decisions").glob("[0-9]*.md"))
    records = [{_title(p): f"contributing/decisions/{p.name}"} for p in decisions]
    index = "contributing/decisions/index.md"
    parts["Contributing"].append({"Decisions": [index, *records]})
    return config


def _title(page: Path) -> str:
    return page.read_text("utf-8").splitlines()[0].removeprefix("# ")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links that hold in the repository hold in the site; formulas become MathML."""
    if page.file.src_uri.startswith(LOGS):
        page.meta["search"] = {"exclude": True}
    if page.file.src_uri == "benchmarks/README.md":
        return markdown
    markdown = re.sub(r"\]\(\.\./examples/(\w+)\.py\)", r"](examples/\1.md)", markdown)
    if page.file.src_uri == GUIDE:
        markdown = markdown.replace("](docs/contributing/", "](")
        markdown = markdown.replace("](docs/", "](../")
        markdown = markdown.replace("](CHANGELOG.md)", f"](../{CHANGES})")
        return markdown.replace("](benchmarks/", "](../benchmarks/")
    if page.file.src_uri == CHANGES:
        return markdown.replace("](docs/", "](")
    markdown = markdown.replace("](../CHANGELOG.md)", f"]({CHANGES})")
    markdown = markdown.replace("](../CONTRIBUTING.md)", f"]({GUIDE})")
    markdown = markdown.replace("](../../CONTRIBUTING.md)", "](index.md)")
    markdown = re.sub(r"\]\(\.\./benchmarks/\)", "](benchmarks/README.md)", markdown)
    # The site has the folder benchmarks/ beside the pages of docs/, not above them.
    markdown = re.sub(
        r"\]\(((?:\.\./)*)\.\./benchmarks/(?=\w)", r"](\1benchmarks/", markdown
    )
    return _CODE_OR_FORMULA.sub(_formula, markdown)


def on_post_page(output: str, page: Any, **_: Any) -> None:
    """Pages load nothing from another host; a warning fails the build."""
    for found in _FROM_ELSEWHERE.findall(output):
        _log.warning("%s loads from another host: %s", page.file.src_uri, found)


def _formula(found: re.Match[str]) -> str:
    if found["code"]:
        return found["code"]
    if found["block"]:
        formula = convert(found["block"].strip(), display="block")
        return f'\n\n<div class="formula">{formula}</div>\n\n'
    # A line that begins with <math> is a block to Markdown, which ends the paragraph there.
    return f"<span>{convert(found['inline'])}</span>"


def notebook(script: Path) -> str:
    """A script, in jupytext's percent format or without cells, as a page."""
    text = script.read_text("utf-8")
    where = f"This page is `examples/{script.name}`: a script."
    if "# %%" not in text:
        return f"# {script.stem}.py\n\n{where}\n\n```python\n{text}```\n"
    parts = []
    for cell in re.split(r"^# %%", text, flags=re.M)[1:]:
        kind, _, body = cell.partition("\n")
        if "[markdown]" in kind:
            parts.append(re.sub(r"^# ?", "", body.strip(), flags=re.M))
        else:
            parts.append(f"```python\n{body.strip()}\n```")
    parts.insert(1, where)
    return "\n\n".join(parts) + "\n"
