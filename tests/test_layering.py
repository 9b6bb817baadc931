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

FOLDER = Path(inspect.getfile(package)).parent
#: What every package may import. `relaxation` and `search` are strangers to one another.
ALLOWED: dict[str, set[str]] = {
    "graph": set(),
    "runtime": set(),
    "fitting": {"graph"},
    "selection": {"graph", "fitting", "runtime"},
    "equations": {"graph", "fitting", "runtime"},
    "relaxation": {"graph", "fitting", "selection", "runtime"},
    "search": {"graph", "fitting", "selection", "equations", "runtime"},
    "plotting": {"graph", "selection", "equations"},
    "persistence": {"graph", "fitting", "selection", "relaxation", "runtime"},
    "estimators": {
        "graph", "fitting", "selection", "equations", "runtime", "relaxation", "search",
        "plotting", "persistence",
    },
    "pages": {"graph", "fitting", "equations", "plotting", "runtime", "estimators"},
    "cli": {
        "graph", "runtime", "selection", "estimators", "plotting", "persistence",
        "pages", "experimentalist",
    },
}  # fmt: skip
#: Libraries that no module of a package may import at its top.
KEPT_OUT = {
    "graph": {"pandas", "sympy", "matplotlib", "numba"},
    "fitting": {"jax", "pandas", "sympy", "matplotlib", "numba"},
    "selection": {"jax", "pandas", "sympy", "matplotlib", "numba"},
    "search": {"jax", "pandas", "sympy", "matplotlib"},
    "relaxation": {"numba", "pandas", "sympy", "matplotlib"},
}
MODULES = sorted(
    str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.py")
)
HEAVY = ("matplotlib", "graphviz", "sympy", "pandas", "torch", "tqdm")


def tree(module: str) -> ast.Module:
    return ast.parse((FOLDER / f"{module}.py").read_text())


def package_of(module: str) -> str:
    """The package that a module lies in; empty for those beside the packages."""
    return module.split("/")[0] if "/" in module else ""


def imported(module: str) -> Iterator[str]:
    """Packages that a module imports from, at its top or inside functions."""
    folders = module.split("/")[:-1]
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = node.level - 1
            assert above <= len(folders), f"{module} reaches out of the package"
            path = folders[: len(folders) - above] + (node.module or "").split(".")
            found = [part for part in path if part]
            yield found[0] if found else node.names[0].name
        elif isinstance(node, ast.ImportFrom):
            assert not str(node.module).startswith("autora.skl"), module
        elif isinstance(node, ast.Import):
            assert not [a for a in node.names if a.name.startswith("autora.skl")]


def libraries(module: str) -> Iterator[str]:
    """Libraries that a module imports when it is imported."""
    for node in tree(module).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module).split(".")[0]


def test_every_package_is_named() -> None:
    folders = {p.name for p in FOLDER.iterdir() if (p / "__init__.py").exists()}
    assert folders == set(ALLOWED)
    # No circles: each may import those before it, and a module above all but `cli`.
    below: set[str] = {"experimentalist"}
    for name, allowed in ALLOWED.items():
        assert allowed <= below, name
        below.add(name)


@pytest.mark.parametrize("module", [m for m in MODULES if package_of(m)])
def test_imports_point_down(module: str) -> None:
    home = package_of(module)
    assert set(imported(module)) - {home} <= ALLOWED[home]


@pytest.mark.parametrize("module", [m for m in MODULES if package_of(m) in KEPT_OUT])
def test_heavy_libraries_stay_out(module: str) -> None:
    if module == "graph/jax_functions":  # what `relaxation` and exported functions use
        return
    assert not set(libraries(module)) & KEPT_OUT[package_of(module)]


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
        "dimensionless_constants_only",
        "constants",
    }
    assert set(classifier) - set(regressor) == {"class_weight"}
    shared = set(regressor) & set(classifier)
    assert all(regressor[name] == classifier[name] for name in shared)
    one = inspect.signature(DARTSRegressor).parameters
    other = inspect.signature(DARTSClassifier).parameters
    assert all(one[n].default == other[n].default for n in set(one) & set(other))


def long_functions(module: str) -> Iterator[str]:
    for node in ast.walk(tree(module)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body
        if ast.get_docstring(node) is not None:
            body = body[1:]
        length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        if length > 40:
            yield f"{node.name}: {length} lines"


@pytest.mark.parametrize("module", MODULES)
def test_functions_are_short(module: str) -> None:
    assert list(long_functions(module)) == []


@pytest.mark.parametrize("name", package.__all__)
def test_public_names_exist_and_are_documented(name: str) -> None:
    found = getattr(package, name)
    assert name == "PRIMITIVES" or inspect.getdoc(found)


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="attribute Nothing"):
        _ = package.Nothing
