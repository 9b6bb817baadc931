"""The shape of the package: layers, imports, sizes and documentation."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import autora.skl.darts as package
from autora.skl.darts import DARTSClassifier, DARTSRegressor
from autora.skl.darts.engine import TEMPLATES

FOLDER = Path(inspect.getfile(package)).parent
#: Every module may import those before it.
ORDER = [
    "disk_cache",
    "checkpoint",
    "forked",
    "columns",
    "constants",
    "primitives",
    "search_space",
    "objectives",
    "jets",
    "codegen",
    "model",
    "source",
    "printing",
    "symbolic",
    "rewrite",
    "forms",
    "elementary",
    "registration",
    "network",
    "batches",
    "loops",
    "relax",
    "devices",
    "compiled",
    "refit",
    "observations",
    "coefficients",
    "criteria",
    "rounding",
    "discretise",
    "candidates",
    "stacked",
    "search",
    "selection",
    "table",
    "aliases",
    "outcome",
    "origin",
    "prepare",
    "epochs",
    "together",
    "fitting",
    "engine",
    "arena",
    "bridge",
    "baselines",
    "assemble",
    "algebra",
    "vertex",
    "factors",
    "undoing",
    "random_edits",
    "signs",
    "breed",
    "simplify",
    "archive",
    "population",
    "evolve",
    "restarts",
    "settle",
    "herds",
    "explore",
    "polish",
    "forward",
    "working",
    "openfit",
    "validation",
    "settings",
    "cautions",
    "trainable",
    "untrusted",
    "document",
    "document_weights",
    "modelfile",
    "portable",
    "progress",
    "style",
    "plot",
    "render",
    "graph",
    "monitor",
    "display",
    "display_fit",
    "display_search",
    "stage",
    "animation",
    "readings",
    "base",
    "estimator",
    "classifier",
    "datatable",
    "datafile",
    "report",
    "commands",
    "cli",
    "__main__",
    "__init__",
]
MODULES = sorted(path.stem for path in FOLDER.glob("*.py"))
ESTIMATORS = ("estimator", "classifier")
HEAVY = ("matplotlib", "graphviz", "sympy", "pandas", "torch", "tqdm")


def tree(module: str) -> ast.Module:
    return ast.parse((FOLDER / f"{module}.py").read_text())


def imported(module: str) -> Iterator[str]:
    """Modules of the package that a module imports, at its top or inside functions."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1, f"{module} reaches out of the package"
            names = [alias.name for alias in node.names]
            yield from [node.module] if node.module else names
        elif isinstance(node, ast.ImportFrom):
            assert not str(node.module).startswith("autora.skl"), module
        elif isinstance(node, ast.Import):
            assert not [a for a in node.names if a.name.startswith("autora.skl")]


def test_every_module_has_a_layer() -> None:
    assert set(MODULES) <= set(ORDER) | set(TEMPLATES)
    assert len(set(ORDER)) == len(ORDER)
    assert not [path for path in FOLDER.iterdir() if (path / "__init__.py").exists()]


@pytest.mark.parametrize("module", sorted(set(MODULES) - set(TEMPLATES)))
def test_imports_point_down(module: str) -> None:
    below = ORDER[: ORDER.index(module)]
    assert set(imported(module)) <= set(below)


def test_import_is_light() -> None:
    """scikit-learn imports pandas by itself where that is installed."""
    script = (
        "import sys, sklearn.utils.validation\n"
        "before = set(sys.modules)\n"
        "from autora.skl.darts import DARTSClassifier, DARTSRegressor\n"
        f"print(sorted(set({HEAVY!r}) & (set(sys.modules) - before)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(FOLDER.parents[2]), "PATH": ""},
    )
    assert run.stdout.strip() == "[]"


def test_namespace_packages_have_no_init() -> None:
    assert FOLDER.parts[-3:] == ("autora", "skl", "darts")
    assert not (FOLDER.parent / "__init__.py").exists()
    assert not (FOLDER.parent.parent / "__init__.py").exists()


def documented_parameters(estimator: type) -> dict[str, str]:
    """What is said about each group of parameters."""
    text = inspect.getdoc(estimator) or ""
    section = text.split("\nParameters\n----------\n")[1].split("\n\nAttributes\n")[0]
    parts = re.split(r"^(\w+(?:, \w+)*) : ", section, flags=re.MULTILINE)[1:]
    heads, texts = parts[::2], parts[1::2]
    assert len(set(heads)) == len(heads)
    return {head: text.strip() for head, text in zip(heads, texts, strict=True)}


@pytest.mark.parametrize("estimator", [DARTSRegressor, DARTSClassifier])
def test_every_parameter_is_documented_once(estimator: type) -> None:
    heads = documented_parameters(estimator)
    documented = [name for head in heads for name in head.split(", ")]
    assert sorted(documented) == sorted(set(documented))
    assert set(documented) == set(inspect.signature(estimator).parameters)


def test_estimators_share_their_parameters() -> None:
    """The same parameter has the same default and the same words."""
    regressor, classifier = (
        documented_parameters(e) for e in (DARTSRegressor, DARTSClassifier)
    )
    assert set(regressor) - set(classifier) == {
        "output_type",
        "tolerance",
        "round_coefficients",
    }
    assert set(classifier) - set(regressor) == {"class_weight"}
    shared = set(regressor) & set(classifier)
    assert all(regressor[name] == classifier[name] for name in shared)
    one = inspect.signature(DARTSRegressor).parameters
    other = inspect.signature(DARTSClassifier).parameters
    assert all(one[n].default == other[n].default for n in set(one) & set(other))


@pytest.mark.parametrize("module", MODULES)
def test_module_is_short(module: str) -> None:
    lines = len((FOLDER / f"{module}.py").read_text().splitlines())
    assert lines <= (500 if module in ESTIMATORS else 400)


def long_functions(module: str) -> Iterator[str]:
    for node in ast.walk(tree(module)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body
        if ast.get_docstring(node) is not None:
            body = body[1:]
        length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        if length > 40 and not (module in ESTIMATORS and node.name == "__init__"):
            yield f"{node.name}: {length} lines"


@pytest.mark.parametrize("module", MODULES)
def test_functions_are_short(module: str) -> None:
    assert list(long_functions(module)) == []


@pytest.mark.parametrize("name", package.__all__)
def test_public_names_exist_and_are_documented(name: str) -> None:
    found = getattr(package, name)
    assert name == "PRIMITIVES" or inspect.getdoc(found)


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = package.Nothing
