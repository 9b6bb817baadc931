"""The documentation: its code runs and prints what it says, nothing is left out."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import runpy
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe
import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

import autora.skl.darts as package
from autora.skl.darts import DARTSClassifier, DARTSRegressor, experimentalist
from autora.skl.darts.graph.elementary import usable
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import SCIENCE, builtin
from autora.skl.darts.selection import SELECTIONS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SOURCE = Path(inspect.getfile(package)).parent
#: A block of code that is run and, if one follows at once, the text it prints.
#: Widths of columns follow rows that a page need not show.
HOW = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.S | re.M)
PAGES = sorted(p.name for p in DOCS.glob("*.md") if BLOCK.search(p.read_text("utf-8")))
#: The code of the document that the tutorial follows.
TUTORIAL = """
import numpy as np
x_1 = np.linspace(0, 1, num=10)
x_2 = np.linspace(0, 1, num=10)
X = np.array(np.meshgrid(x_1, x_2)).T.reshape(-1,2)
y = 2 * X[:,0] + np.exp(5 * X[:,1])
primitives = [
    "none",
    "add",
    "subtract",
    'mult',
    "logistic",
    'exp',
    'relu',
]
from autora.skl.darts import DARTSRegressor
darts_estimator = DARTSRegressor(
    num_graph_nodes=1,
    arch_updates_per_epoch=1,
    arch_learning_rate_max=0.001,
    param_updates_per_epoch=500,
    param_momentum=0.9,
    max_epochs=300,
    output_type="real",
    primitives=primitives,
)
darts_estimator.fit(X, y)
darts_estimator.visualize_model()
darts_estimator.set_params(
    max_epochs=0,  # no epochs of architecture fitting
    param_updates_for_sampled_model=1000,  # 1000 steps of param optimiziation
)
darts_estimator.fit(X, y)
darts_estimator.visualize_model()
darts_estimator.set_params(
    max_epochs=0,  # no epochs of architecture fitting
    sampling_strategy="sample",  # overriding default "max"
    param_updates_for_sampled_model=800,
)
darts_estimator.fit(X, y)
darts_estimator.visualize_model()
darts_estimator.set_params(
    max_epochs=0,  # no epochs of architecture fitting
    sampling_strategy="max",
    param_updates_for_sampled_model=1000,
)
darts_estimator.fit(X, y)
darts_estimator.visualize_model()
"""


# Code


def given(page: str) -> dict[str, Any]:
    """Names that a page takes for granted."""
    if page != "gallery.md":
        return {}
    X = np.random.default_rng(0).uniform(-2, 2, (60, 2))
    y = np.sin(2 * X[:, 0]) + 0.8 * X[:, 1]
    model = DARTSRegressor(
        num_graph_nodes=1,
        primitives=["none", "mult", "linear_sin"],
        max_epochs=4,
        random_state=0,
    )
    return {"model": model.fit(X, y), "X": X, "y": y, **given_groups()}


def given_groups() -> dict[str, Any]:
    """A small study."""
    rng = np.random.default_rng(0)
    X, people = rng.uniform(1, 3, (40, 1)), np.repeat([*"abcde"], 8)
    answers = np.repeat([1, 2, 3, 5, 8], 8) * X[:, 0] + 0.01 * rng.normal(size=40)
    study = DARTSRegressor(primitives=["add", "mult"], n_candidates=2000, random_state=0)
    study.fit(X, answers, groups=people)
    return {"study": study, "conditions": X, "answers": answers, "participants": people}


@pytest.mark.parametrize("page", PAGES)
def test_code_runs_and_prints_what_the_page_says(
    page: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own_table: dict[str, Any],
) -> None:
    matplotlib.use("Agg")
    shutil.copytree(ROOT / "benchmarks" / "data", tmp_path / "benchmarks" / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")  # a table is as wide as the terminal
    names = given(page)
    for code, text in BLOCK.findall((DOCS / page).read_text("utf-8")):
        exec(compile(code, page, "exec"), names)
        printed = capsys.readouterr().out
        if text:
            matches = doctest.OutputChecker().check_output(text, printed, HOW)
            assert matches, f"{page} says\n{text}\nbut the code prints\n{printed}"
    plt.close("all")


def lines(code: str) -> list[str]:
    return [line.rstrip() for line in code.splitlines() if line.strip()]


def test_the_tutorial_has_every_line_of_the_original() -> None:
    page = (DOCS / "tutorial.md").read_text("utf-8")
    rest = iter(lines("\n".join(code for code, _ in BLOCK.findall(page))))
    missing = [line for line in lines(TUTORIAL) if line not in rest]
    assert not missing


def test_the_tutorial_script_runs(capsys: pytest.CaptureFixture[str]) -> None:
    script = runpy.run_path(str(ROOT / "examples" / "tutorial.py"))
    assert "R² = 0.6607" in capsys.readouterr().out
    assert script["exact"].score(script["X"], script["y"]) > 1 - 1e-9
    assert (script["OUT"] / "tutorial-5-exact.svg").exists()


# What the package has and what the pages name


def public() -> Iterator[tuple[str, Any]]:
    """Public classes and functions, and the public methods that we wrote."""
    for name in experimentalist.__all__:
        yield f"experimentalist.{name}", getattr(experimentalist, name)
    for name in package.__all__:
        found = getattr(package, name)
        if not callable(found):
            continue
        yield name, found
        for member in dir(found) if inspect.isclass(found) else ():
            method = getattr(found, member)
            ours = str(getattr(method, "__qualname__", "")).endswith(f".{member}")
            ours &= str(getattr(method, "__module__", "")).startswith("autora.")
            if ours and not member.startswith("_"):
                yield f"{name}.{member}", method


PUBLIC = dict(public())


def documented(found: Any) -> list[str]:
    """Parameters in the docstring, in the order of the text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = griffe.Docstring(inspect.getdoc(found) or "").parse("numpy")
    return [
        parameter.name.lstrip("*")
        for part in parts
        if part.kind is griffe.DocstringSectionKind.parameters
        for parameter in part.value
    ]


@pytest.mark.parametrize("name", PUBLIC)
def test_docstrings_name_every_parameter_once(name: str) -> None:
    found = PUBLIC[name]
    assert inspect.getdoc(found)
    if inspect.isclass(found) and issubclass(found, (str, Exception)):
        return  # an enumeration, an exception: they take what their base takes
    wanted = [p for p in inspect.signature(found).parameters if p != "self"]
    assert sorted(documented(found)) == sorted(wanted)


@pytest.mark.parametrize("name", PUBLIC)
def test_docstrings_use_the_words_of_the_glossary(name: str) -> None:
    said = " ".join((inspect.getdoc(PUBLIC[name]) or "").lower().split())
    old = (
        "open search",
        "open graphs",
        "relaxed search",
        "graphs of any size",
        "counted nodes",
    )
    assert not [word for word in old if word in said]


def test_the_api_page_has_every_public_name_once() -> None:
    entries = re.findall(
        r"^::: autora\.skl\.darts\.([\w.]+)$", (DOCS / "api.md").read_text("utf-8"), re.M
    )
    others = [f"experimentalist.{name}" for name in experimentalist.__all__]
    names = [entry for entry in entries if not entry.startswith("DARTSClassifier.")]
    assert sorted(names) == sorted([*package.__all__, *others])


def test_the_api_page_says_in_what_the_classifier_differs() -> None:
    """It shows what both estimators share at the regressor alone."""
    page = (DOCS / "api.md").read_text("utf-8")
    [said] = re.findall(r"^It has the parameters of .*?:$", page, re.M | re.S)
    regressor, classifier = (
        {name for name in dir(kind) if not name.startswith(("_", "set_", "get_"))}
        for kind in (DARTSRegressor, DARTSClassifier)
    )
    shown = set(re.findall(r"^::: autora\.skl\.darts\.DARTSClassifier\.(\w+)$", page, re.M))
    parameters = set(inspect.signature(DARTSClassifier).parameters)
    own = {
        name
        for name in classifier - parameters
        if getattr(DARTSClassifier, name) is not getattr(DARTSRegressor, name, None)
        and inspect.isfunction(getattr(DARTSClassifier, name))
    }
    assert shown == own
    differing = (regressor - classifier) | ((classifier - regressor) & parameters)
    assert set(re.findall(r"`([a-z]\w+)`", said)) == differing


def table_names(page: str) -> list[str]:
    """Names in code in the first column of a page's tables."""
    rows = re.findall(r"^\| (.*?) \|", (DOCS / page).read_text("utf-8"), re.M)
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


def test_the_parameters_page_has_every_parameter_once() -> None:
    kinds = DARTSRegressor, DARTSClassifier
    wanted = {name for kind in kinds for name in inspect.signature(kind).parameters}
    assert sorted(table_names("parameters.md")) == sorted(wanted)


def test_the_primitives_page_has_every_primitive() -> None:
    page = (DOCS / "primitives.md").read_text("utf-8").split("\n## ")[1]
    rows = [row for row in page.splitlines() if row.startswith("|")]
    names = {primitive.name for primitive in builtin()} | {"zero"}
    assert set(re.findall(r"`(\w+)`", "\n".join(rows))) == names
    assert set(re.findall(r"\*\*`(\w+)`\*\*", page)) == set(SCIENCE)


def test_formulas_are_told_of_every_function() -> None:
    """A page and a docstring list what the namespace m has."""
    page = (DOCS / "primitives.md").read_text("utf-8").split("\n## Your own")[1]
    assert set(usable()) <= set(re.findall(r"`(\w+)`", page))
    said = documented_text(package.Primitive, "formula")
    assert set(usable()) <= set(re.findall(r"\w+", said))


def documented_text(found: Any, name: str) -> str:
    """What a docstring says of a parameter, its type included."""
    text = inspect.getdoc(found) or ""
    [said] = re.findall(rf"^{name} : .*?(?=^\S|\Z)", text, re.M | re.S)
    return str(said)


def test_every_choice_is_documented() -> None:
    """Values of parameters that follow from a table of the package."""
    for estimator in (DARTSRegressor, DARTSClassifier):
        said = documented_text(estimator, "model_selection")
        assert set(SELECTIONS) <= set(re.findall(r'"(\w+)"', said))
    said = documented_text(DARTSRegressor, "output_type")
    assert set(OBJECTIVES) == set(re.findall(r'"(\w+)"', said))
    section = (DOCS / "results.md").read_text("utf-8").split("\n## Another row\n")[1]
    table = re.findall(r'^\| `"(\w+)"`', section, re.M)
    assert sorted(table) == sorted(SELECTIONS)
    for page in ("command_line.md", "from_pysr.md"):
        text = (DOCS / page).read_text("utf-8")
        [row] = re.findall(r"^\| `(?:--selection`|model_selection=).*$", text, re.M)
        assert set(SELECTIONS) <= set(re.findall(r'`"?(\w+)"?`', row)), page


@pytest.mark.parametrize("place", ["docs/gallery.md", "examples/gallery.py"])
def test_the_gallery_has_every_picture(place: str) -> None:
    names = [n for n in package.__all__ if hasattr(getattr(package, n), "from_estimator")]
    assert len(names) >= 6
    text = (ROOT / place).read_text("utf-8")
    assert not [name for name in names if f"{name}.from_estimator(" not in text]


def warning_texts() -> Iterator[tuple[str, str]]:
    """Every warning of the package: where, and its longest piece without a value."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "warn",
                "warnings.warn",
            ):
                parts = [p for p in ast.walk(node.args[0]) if isinstance(p, ast.Constant)]
                pieces = [p.value for p in parts if isinstance(p.value, str)]
                yield path.stem, max(pieces, key=len, default="")


def test_every_warning_is_on_the_troubleshooting_page() -> None:
    page = (DOCS / "troubleshooting.md").read_text("utf-8").replace("\n> ", " ")
    found = list(warning_texts())
    assert len(found) >= 8
    missing = [(where, text) for where, text in found if text[:25].strip() not in page]
    assert not missing, f"docs/troubleshooting.md must explain {missing}"
