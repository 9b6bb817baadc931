"""The command line: what it prints, writes and refuses, and the reader of its data."""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import itertools
import json
import lzma
import random
import re
import subprocess
import sys
import tomllib
import zipfile
from ast import literal_eval
from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sympy

import autora.skl.darts as package
from autora.skl.darts import DARTSClassifier, DARTSRegressor
from autora.skl.darts.cli import commands
from autora.skl.darts.cli.columns import data_of
from autora.skl.darts.cli.main import main
from autora.skl.darts.cli.text_files import Form, read_table
from autora.skl.darts.cli.text_tables import DataFileError
from autora.skl.darts.experimentalist import discriminating
from autora.skl.darts.graph.elementary import NUMPY
from autora.skl.darts.graph.primitives import SCIENCE, builtin, lookup

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import fuzz_data_files as fuzz

ROOT = Path(__file__).resolve().parent.parent
#: Names that something could take for code, markup or mathematics.
RUN = "__import__('pathlib').Path('ran').touch()"
NAMES = ["lambda", "x[0]", RUN, r"\input{a} $b$ 5%_^&~#", "<script>alert(1)</script>"]
TARGET = "ma$$ <b>&"
SMALL = ["--primitives", "none", "add", "mult"]


def table(seed: int = 0) -> pd.DataFrame:
    X = np.random.default_rng(seed).uniform(-1, 1, (40, len(NAMES)))
    frame = pd.DataFrame(X.round(4), columns=NAMES)
    frame[TARGET] = frame @ [1, 2, 3, 4, 5] + 1
    return frame


class Run:
    """A command and what came of it."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path, code: int = 0) -> str:
        self._capsys.readouterr()
        try:
            self.code: Any = main([str(a) for a in arguments])
        except SystemExit as stop:
            self.code = stop.code
        self.out, self.err = self._capsys.readouterr()
        assert self.code == code, self.err
        return self.out

    def fails(self, *arguments: str | Path, code: int = 1) -> str:
        """The one line on standard error; nothing on standard output."""
        assert self(*arguments, code=code) == ""
        if code == 1:
            assert self.err.startswith("autora-darts: error: ")
            assert self.err.count("\n") == 1
        assert "Traceback" not in self.err
        return self.err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a fit of columns with dangerous names, and what it printed."""
    home = tmp_path_factory.mktemp("fit")
    table().to_csv(home / "data.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-8"))
        assert main(["fit", "data.csv", "--target", TARGET, *SMALL]) == 0
        sys.stdout.seek(0)
        printed = sys.stdout.read()
    return home, printed


@pytest.fixture
def no_fit(monkeypatch: pytest.MonkeyPatch, fitted: tuple[Path, str]) -> Any:
    """Fits are over at once: every regressor has found what `fitted` has."""
    found = vars(DARTSRegressor.load(fitted[0] / "data-darts/model.json"))
    state = {k: v for k, v in found.items() if k.endswith("_") or k.startswith("_")}
    asked: list[Any] = []

    def fit(self: Any, X: Any, y: Any) -> Any:
        asked.append((self, X, y))
        vars(self).update(state)
        return self

    monkeypatch.setattr(DARTSRegressor, "fit", fit)
    return asked


# Commands


def test_fit(fitted: tuple[Path, str]) -> None:
    home, printed = fitted
    folder = home / "data-darts"
    assert {path.name for path in folder.iterdir()} == {
        "model.json", "equations.csv", "graph.png", "equations.png", "evidence.png",
        "fit.png", "residuals.png",
    }  # fmt: skip
    for path in folder.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    model = DARTSRegressor.load(folder / "model.json")
    assert list(model.feature_names_in_) == NAMES
    assert model.score(table()[NAMES], table()[TARGET]) > 1 - 1e-9
    lines = printed.splitlines()
    assert lines[0] == model.model_repr().removeprefix("Model:\n")
    row = model.equations_.loc[model.selected_]
    quality = (
        f"complexity {row['complexity']:g}, loss {row['loss']:.3g}, R² 1.0000, weight "
    )
    assert lines[2] == f"{quality}{row['weight']:.2g}"
    kept = pd.read_csv(folder / "equations.csv", index_col=0)
    assert list(kept["equation"]) == list(model.equations_["equation"])
    assert sum(line.startswith("→") for line in printed.splitlines()) == 1
    assert printed.endswith("residuals.png in data-darts\n")


def test_names_are_text_wherever_they_are_shown(
    fitted: tuple[Path, str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _ = fitted
    monkeypatch.chdir(home)
    model = home / "data-darts/model.json"
    row = len(DARTSRegressor.load(model).equations_) - 1
    latex = run("show", model, "--latex", "--row", str(row))
    assert r"\text{ma}\$\$\text{ <b>}\&" in latex and "$$" not in latex.replace(r"\$\$", "")
    code: dict[str, Any] = {}
    exec(run("show", model, "--python", "--row", str(row)), code)
    loaded = DARTSRegressor.load(model).select_equation(row)
    X = table()[NAMES]
    np.testing.assert_allclose(code["predict"](*X.to_numpy().T), loaded.predict(X))
    text = run("show", model, "--sympy", "--row", str(row))
    # SymPy evaluates what it reads.
    read = sympy.sympify(text)
    written = {a: literal_eval(b) for a, b in re.findall(r"^# (\w+): (.*)$", text, re.M)}
    assert {symbol.name for symbol in read.free_symbols} == set(written)
    assert {s.name for s in loaded.sympy().free_symbols} == set(written.values())
    symbols = sorted(read.free_symbols, key=str)
    columns = X[[written[symbol.name] for symbol in symbols]].to_numpy().T
    found = sympy.lambdify(symbols, read)(*columns)
    np.testing.assert_allclose(found, loaded.predict(X), rtol=1e-12, atol=1e-12)
    dot = run("show", model, "--graph", "-")
    assert "<script>" in dot and 'label="<script>' in dot
    assert run("show", model, "--graph", home / "graph.svg") == ""
    assert "<script" not in (home / "graph.svg").read_text("utf-8")
    html = loaded._repr_html_()
    assert "<script>alert" not in html and "ma$$ <b>" not in html
    assert "&lt;script&gt;alert" in html and "ma$$ &lt;b&gt;&amp;" in html
    assert not (home / "ran").exists()


def test_show(fitted: tuple[Path, str], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted[0] / "data-darts/model.json"
    loaded = DARTSRegressor.load(model)
    assert run("show", model) == loaded.model_repr().removeprefix("Model:\n") + "\n"
    more = run("show", model, "--digits", "5")
    assert more == loaded.model_repr(decimals_to_display=5)[7:] + "\n"
    assert run("show", model, "--table") in fitted[1]
    other = run("show", model, "--row", "0")
    assert other == loaded.select_equation(0).model_repr()[7:] + "\n"
    stdin = io.TextIOWrapper(io.BytesIO(model.read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert run("show", "-", "--row", "0") == other


def test_the_table_is_as_wide_as_the_terminal(
    fitted: tuple[Path, str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fitted[0] / "data-darts/model.json"
    whole = run("show", model, "--table").splitlines()
    assert max(map(len, whole)) > 80
    for columns in (80, 120):
        monkeypatch.setenv("COLUMNS", str(columns))
        with monkeypatch.context() as patch:
            patch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
            cut = run("show", model, "--table").splitlines()
        assert columns - 12 < max(map(len, cut)) <= columns
        starts = [line.removesuffix("…") for line in cut if line[:6].strip()]
        assert all(line.startswith(s) for s, line in zip(starts, whole[1:], strict=False))
        # The equation of the model is whole, on as many lines as it needs.
        [first] = [i for i, line in enumerate(cut) if line.startswith("→")]
        [chosen] = [line for line in whole if line.startswith("→")]
        rest = itertools.takewhile(lambda line: line.startswith(" " * 20), cut[first + 1 :])
        found = "".join([cut[first], *rest])
        assert "".join(found.split()) == "".join(chosen.split())


def test_predict(fitted: tuple[Path, str], run: Run, tmp_path: Path) -> None:
    model = fitted[0] / "data-darts/model.json"
    new = table(1).iloc[:7, ::-1].rename(columns={TARGET: f"predicted_{TARGET}"})
    new.to_csv(tmp_path / "new.csv", index=False)
    found = pd.read_csv(io.StringIO(run("predict", model, tmp_path / "new.csv")))
    right = DARTSRegressor.load(model).predict(new[NAMES])
    assert list(found.columns) == [*new.columns, f"predicted_{TARGET}_"]
    np.testing.assert_array_equal(found.iloc[:, -1], right)
    # A file of another form is answered in it.
    new.to_csv(tmp_path / "new.csv", index=False, sep=";", decimal=",")
    out = tmp_path / "out.csv"
    assert run("predict", model, tmp_path / "new.csv", "-o", out) == ""
    found = pd.read_csv(out, sep=";", decimal=",")
    np.testing.assert_array_equal(found.iloc[:, -1], right)


def test_classes(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    x = np.linspace(-1, 1, 30).round(3)
    label = np.where(x > 0.2, "$hi", "none")
    pd.DataFrame({"x": x, "kind": label}).to_csv("a.csv", index=False)
    options = ["--target", "kind", "--classify", "--nodes", "1", "--output", "out"]
    equation = run("fit", "a.csv", *options, "--quiet", "--primitives", "none", "add")
    assert run.err == ""
    model = DARTSClassifier.load("out/model.json")
    assert equation == model.model_repr().removeprefix("Model:\n") + "\n"
    assert {path.name for path in Path("out").glob("*.png")} == {
        "graph.png", "equations.png", "evidence.png", "confusion.png", "fit.png"
    }  # fmt: skip
    found = pd.read_csv(io.StringIO(run("predict", "out/model.json", "a.csv")))
    assert (found["predicted_class"] == label).mean() > 0.9
    np.testing.assert_array_equal(
        found[["probability_$hi", "probability_none"]], model.predict_proba(found[["x"]])
    )


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fit with groups: a line for every person, who is named by text."""
    home = tmp_path_factory.mktemp("groups")
    rng = np.random.default_rng(0)
    person = np.repeat([7, 8, 10, 11, 12, 13], 8)
    frame = pd.DataFrame({"person": person, "dose": rng.uniform(0, 3, 48).round(3)})
    frame["answer"] = (person * frame["dose"] + 0.01 * rng.normal(size=48)).round(4)
    frame.to_csv(home / "numbers.csv", index=False)
    frame["person"] = "p " + frame["person"].astype(str)
    frame.to_csv(home / "data.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for data in ("data", "numbers"):
            arguments = ["fit", f"{data}.csv", "-t", "answer", "--groups", "person"]
            assert main([*arguments, *SMALL, "-q"]) == 0
    return home


def test_groups(grouped: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(grouped)
    model = DARTSRegressor.load("data-darts/model.json")
    assert list(model.feature_names_in_) == ["dose"]
    assert list(model.groups_) == ["p 10", "p 11", "p 12", "p 13", "p 7", "p 8"]
    assert {path.name for path in Path("data-darts").glob("*.png")} == {
        "graph.png", "equations.png", "evidence.png", "fit.png", "residuals.png",
        "groups.png", "coefficients.png",
    }  # fmt: skip
    assert run("show", "data-darts/model.json") == model.model_repr()[7:] + "\n"
    data = pd.read_csv("data.csv")
    answered = run("predict", "data-darts/model.json", "data.csv", "--groups", "person")
    found = pd.read_csv(io.StringIO(answered))["predicted_answer"]
    right = model.predict(data[["dose"]], groups=data["person"])
    np.testing.assert_array_equal(found, right)
    np.testing.assert_allclose(found, data["answer"], atol=0.1)
    assert run.err == ""
    common = run("predict", "data-darts/model.json", "data.csv")
    found = pd.read_csv(io.StringIO(common))["predicted_answer"]
    np.testing.assert_array_equal(found, model.predict(data[["dose"]]))
    assert "without --groups the predictions are those of the population" in run.err


def test_what_may_differ_between_groups(
    grouped: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def fit(self: Any, *data: Any, groups: Any) -> Any:
        asked.append(self.get_params())
        raise ValueError("enough")

    monkeypatch.chdir(grouped)
    monkeypatch.setattr(DARTSRegressor, "fit", fit)
    options = ["fit", "data.csv", "-t", "answer", "--groups", "person"]
    run.fails(*options)
    run.fails(*options, "--group-coefficients", "output", "--no-shrinkage")
    found = [(known["group_coefficients"], known["shrinkage"]) for known in asked]
    assert found == [("auto", True), ("output", False)]


def test_groups_that_are_numbers(
    grouped: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are known again beside text, and a stranger gets what all have in common."""
    monkeypatch.chdir(grouped)
    model = DARTSRegressor.load("numbers-darts/model.json")
    assert list(model.groups_) == [7, 8, 10, 11, 12, 13]
    Path("new.csv").write_text("dose,who\n1,7\n1,13\n1,somebody\n")
    answered = run("predict", "numbers-darts/model.json", "new.csv", "--groups", "who")
    found = pd.read_csv(io.StringIO(answered))["predicted_answer"]
    dose = pd.DataFrame({"dose": [1.0, 1.0]})
    np.testing.assert_array_equal(found[:2], model.predict(dose, groups=[7, 13]))
    assert found[2] == model.predict(dose)[0]
    assert "warning: groups 'somebody' were not in the fit" in run.err


def test_classes_of_groups(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"who": np.repeat([*"abcd"], 40), "x": rng.normal(size=160)})
    shift = frame["who"].map({"a": -3, "b": -1, "c": 1, "d": 3})
    chance = 1 / (1 + np.exp(-2 * frame["x"] - shift))
    frame["kind"] = np.where(rng.uniform(size=160) < chance, "yes", "no")
    frame.to_csv("a.csv", index=False)
    options = ["-t", "kind", "--classify", "--groups", "who", "-o", "out", "-q"]
    run("fit", "a.csv", *options, *SMALL)
    assert {path.name for path in Path("out").glob("*.png")} == {
        "graph.png", "equations.png", "evidence.png", "confusion.png", "groups.png",
        "coefficients.png",
    }  # fmt: skip
    model = DARTSClassifier.load("out/model.json")
    answered = run("predict", "out/model.json", "a.csv", "--groups", "who")
    found = pd.read_csv(io.StringIO(answered))
    right = model.predict_proba(frame[["x"]], groups=frame["who"])
    np.testing.assert_array_equal(found[["probability_no", "probability_yes"]], right)
    own = model.predict(frame[["x"]], groups=frame["who"])
    np.testing.assert_array_equal(found["predicted_class"], own)


def test_intervals(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one number, several, and classes; names that the file has are left alone."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=40), "lower": 1.0})
    X = frame[["x"]]
    y = pd.Series(2 * X["x"] + rng.normal(size=40), name="answer")
    frame.to_csv("new.csv", index=False)
    number = DARTSRegressor.from_equation("a*x + b").fit(X, y)
    classes = DARTSClassifier.from_equation("a*x + b").fit(X, np.where(y > 0, "hi", "lo"))
    words = {"primitives": ["none", "add"], "n_candidates": 50, "random_state": 0}
    several = DARTSRegressor(**words).fit(X, np.column_stack([y, y**2]))
    for name, model, ends in (
        ("number", number, ["lower_", "upper"]),
        ("several", several, ["lower_y1", "upper_y1", "lower_y2", "upper_y2"]),
        (
            "classes",
            classes,
            [f"{e}_probability_{c}" for c in ("hi", "lo") for e in ("lower", "upper")],
        ),
    ):
        model.save(f"{name}.json")
        answered = run("predict", f"{name}.json", "new.csv", "--interval", "0.8")
        found = pd.read_csv(io.StringIO(answered))
        assert list(found.columns)[-len(ends) :] == ends
        expected = model.predict_interval(X, 0.8).reshape(40, -1)
        np.testing.assert_array_equal(found[ends], expected)
    asked = ("predict", "number.json", "new.csv", "--interval", "0.8", "--kind")
    found = pd.read_csv(io.StringIO(run(*asked, "mean")))
    np.testing.assert_array_equal(
        found[["lower_", "upper"]], number.predict_interval(X, 0.8, kind="mean")
    )
    wrong = run.fails("predict", "number.json", "new.csv", "--kind", "mean", code=2)
    assert "give the level, as in --interval 0.9" in wrong
    asked = ("predict", "classes.json", "new.csv", "--interval", ".9", "--kind", "mean")
    assert "--kind cannot be combined with a model of classes" in run.fails(*asked, code=2)
    old = ROOT / "tests" / "data" / "model_version_1.json"
    pd.DataFrame({"x1": [1.0], "x2": [2.0]}).to_csv("old.csv", index=False)
    assert "no uncertainty" in run.fails("predict", old, "old.csv", "--interval", "0.9")
    lines = run("show", "several.json", "--table").splitlines()
    assert lines[0].split() == ["complexity", "loss", "criterion", "weight", "equation"]
    counted = [line for line in lines[1:] if "of less weight" in line]
    shown = {
        int(line.lstrip("→").split()[0]): float(line.lstrip("→").split()[4])
        for line in lines[1 : len(lines) - len(counted)]
    }
    known = several.equations_
    np.testing.assert_allclose([*shown.values()], known["weight"][[*shown]], rtol=0.05)
    hidden = known.drop(index=[*shown])
    assert (hidden["weight"] < 0.02).all(), "what is likely is shown"
    assert set(hidden["complexity"]) <= set(known["complexity"][[*shown]])
    number = [int(line.split()[2]) for line in counted]
    assert number == [len(hidden)] * bool(len(hidden))


def test_groups_that_cannot_be(
    grouped: Path, fitted: tuple[Path, str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(grouped)
    fit = ["fit", "data.csv", "-t", "answer"]
    wrong = run.fails(*fit, "--groups", "persn")
    assert "no column 'persn'; did you mean 'person'?" in wrong
    assert "cannot be the target and" in run.fails(*fit, "--groups", "answer")
    wrong = run.fails(*fit, "--groups", "person", "-i", "person")
    assert "'person' cannot be an input and that of the groups" in wrong
    wrong = run.fails(*fit, "--groups", "dose", "-i", "dose")
    assert "'dose' cannot be an input and that of the groups" in wrong
    Path("two.csv").write_text("who,y\na,1\nb,2\n")
    wrong = run.fails("fit", "two.csv", "-t", "y", "--groups", "who")
    assert "there is no column beside target and groups" in wrong
    Path("gap.csv").write_text("who,x,y\na,1,2\n,2,3\n")
    wrong = run.fails("fit", "gap.csv", "-t", "y", "--groups", "who")
    assert "values are missing: column 'who' in row 2" in wrong
    Path("many.csv").write_text("who,x,y\na,1,2\nb,2,3\nc,3,4\n")
    wrong = run.fails("fit", "many.csv", "-t", "y", "--groups", "who")
    assert "groups has 3 labels for 3 rows" in wrong
    for further in (
        ["--nodes", "2"],
        ["--guess", "a*dose"],
        ["-t", "dose"],
    ):
        wrong = run.fails(*fit, "--groups", "person", *further, code=2)
        assert "--groups cannot be combined with" in wrong
    for option in (["--group-coefficients", "all"], ["--no-shrinkage"]):
        assert "name the column of the groups with --groups" in run.fails(
            *fit, *option, code=2
        )
    plain = fitted[0] / "data-darts/model.json"
    wrong = run.fails("predict", plain, "data.csv", "--groups", "person", code=2)
    assert "the model was fitted without groups" in wrong
    model = "data-darts/model.json"
    wrong = run.fails("predict", model, "data.csv", "--groups", "persn")
    assert "did you mean 'person'?" in wrong


def test_interrupted(
    no_fit: Any, run: Run, monkeypatch: pytest.MonkeyPatch, fitted: tuple[Path, str]
) -> None:
    quick = DARTSRegressor.fit

    def interrupted(self: Any, *data: Any) -> Any:
        if not Path("stopped/equations.csv").exists():
            quick(self, *data)
        raise KeyboardInterrupt

    monkeypatch.chdir(fitted[0])
    monkeypatch.setattr(DARTSRegressor, "fit", interrupted)
    Path("stopped").mkdir()
    for name in ("model.json", "fit.png"):  # of an earlier fit
        Path("stopped", name).touch()
    options = ["data.csv", "--target", TARGET, "--output", "stopped"]
    out = run("fit", *options, code=130)
    assert "the best equation so far is in stopped" in run.err
    assert out.endswith("model.json, equations.csv in stopped\n")
    assert {p.name for p in Path("stopped").iterdir()} == {"model.json", "equations.csv"}
    assert run("fit", *options, code=130) == ""
    assert "before anything was found" in run.err


def test_options_reach_the_estimator(
    no_fit: Any, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = table()
    frame.insert(0, "note", "text")
    frame.iloc[3, 2] = np.nan
    content = frame.to_csv(index=False, sep="|").encode("utf-16")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    run(
        "fit", "-", "-t", TARGET, "-i", *NAMES, "--separator", "|", "--drop-missing",
        "--encoding", "utf-16", "--time", "2.5", "--seed", "7", "--restarts", "3",
        "--jobs", "-1", "--selection", "aic", "--format", "svg", "--nodes", "4",
        "--train-readout",
    )  # fmt: skip
    assert "1 of 40 rows are left out" in run.err
    [(model, X, y)] = no_fit
    kept = frame.drop(index=3)
    assert list(X.columns) == NAMES and np.array_equal(X, kept[NAMES])
    assert y.name == TARGET and np.array_equal(y, kept[TARGET])
    expected = {
        "max_time": 2.5, "random_state": 7, "n_restarts": 3, "n_jobs": -1,
        "model_selection": "aic", "num_graph_nodes": 4, "primitives": "auto", "verbose": 0,
        "train_classifier_coefficients": True, "train_classifier_bias": True,
    }  # fmt: skip
    assert {name: getattr(model, name) for name in expected} == expected
    assert (tmp_path / "stdin-darts/fit.svg").read_text("utf-8").startswith("<?xml")


def test_a_bar_for_people(
    no_fit: Any, run: Run, monkeypatch: pytest.MonkeyPatch, fitted: tuple[Path, str]
) -> None:
    monkeypatch.chdir(fitted[0])
    monkeypatch.setattr(commands, "draw", lambda *_: [])
    arguments = ["fit", "data.csv", "--target", TARGET, "--output", "bar"]
    for quiet in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
            run(*arguments, *["--quiet"] * quiet)
    assert [model.verbose for model, _, _ in no_fit] == [1, 0]


def test_columns_that_number_the_rows() -> None:
    def inputs(text: str, *further: str) -> tuple[list[str], str]:
        names = ("inputs", "groups", "weight", "y_error")
        asked = argparse.Namespace(
            target=["y"], classify=False, drop_missing=False, **dict.fromkeys(names)
        )
        if further:
            asked.inputs = list(further)
        found = data_of(read_table(text.encode()), asked)
        return list(found.X.columns), " ".join(found.notes)

    rows = "0,5,1\n2,6,2\n3,8,3\n"
    assert inputs(f"Unnamed: 0,a,y\n{rows}") == (
        ["a"],
        "column 'Unnamed: 0' looks like row numbers and is left out; to use it, name it "
        "with --inputs",
    )
    for chosen in (["Unnamed: 0"], ["a", "Unnamed: 0"]):
        assert inputs(f"Unnamed: 0,a,y\n{rows}", *chosen) == (chosen, "")
    with pytest.raises(DataFileError, match="give --inputs 'Unnamed: 0'"):
        inputs("Unnamed: 0,y\n0,1\n1,2\n")
    assert inputs("Unnamed: 0,a,y\n2,5,1\n1,6,2\n") == (["Unnamed: 0", "a"], "")
    for name in ("id", "Row.Number"):
        found, note = inputs(f"{name},b c,y\n1,5,1\n2,6,2\n3,8,3\n")
        assert found == [name, "b c"] and "give --inputs 'b c'" in note
        assert inputs(f"{name},a,y\n{rows}") == ([name, "a"], "")
    assert inputs("day,a,y\n1,5,1\n2,6,2\n") == (["day", "a"], "")


def test_noise_and_weights_reach_the_fit(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[dict[str, Any]] = []

    def fit(self: Any, X: Any, y: Any, **further: Any) -> Any:
        asked.append(further | {"X": X})
        raise ValueError("y_error must be right")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(DARTSRegressor, "fit", fit)
    Path("a.csv").write_text("x,y,sd,n\n1,2,0.5,3\n2,3,0.25,1\n3,3,1,1\n")
    wrong = run.fails("fit", "a.csv", "-t", "y", "--y-error", "sd", "--weight", "n", code=2)
    assert wrong == "autora-darts: error: --y-error must be right\n"
    run.fails("fit", "a.csv", "-t", "y", "-i", "x", "--y-error", "0.5", code=2)
    columns, number = asked
    assert list(columns["X"]) == list(number["X"]) == ["x"]
    assert columns["y_error"].tolist() == [0.5, 0.25, 1]
    assert columns["sample_weight"].tolist() == [3, 1, 1]
    assert number["y_error"] == 0.5 and "sample_weight" not in number
    wrong = run.fails("fit", "a.csv", "-t", "y", "--y-error", "sdd")
    assert "no column 'sdd'; did you mean 'sd'?" in wrong
    wrong = run.fails("fit", "a.csv", "-t", "y", "--weight", "y")
    assert "column 'y' cannot be the target and the weight" in wrong


def test_an_equation_and_the_next_experiment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "draw", lambda *_: [])
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"t (s)": np.linspace(0.5, 8, 16)})
    frame["y"] = np.exp(-0.3 * frame["t (s)"]) + 0.01 * rng.normal(size=16)
    frame.to_csv("a.csv", index=False)
    laws = {"slow": "1/(1 + k*`t (s)`)", "fast": "exp(-kk*`t (s)`)"}
    for name, law in laws.items():
        run("fit", "a.csv", "-t", "y", "--equation", law, "-o", name)
        assert "weight" not in run.out.splitlines()[2], "there is nothing to compare with"
    paths = [Path(name, "model.json") for name in laws]
    models = [DARTSRegressor.load(path) for path in paths]
    table = pd.read_csv(io.StringIO(run("show", paths[1], "--coefficients")))
    assert list(table["term"]) == ["kk"] and abs(table["coefficient"][0] - 0.3) < 0.02
    pool = pd.DataFrame({"other": 0.5, "t (s)": np.arange(0.0, 30.0)})
    pool.to_csv("pool.csv", index=False, sep=";", decimal=",")
    printed = run("next", *paths, "--pool", "pool.csv", "-n", "2", "--weights", "1", "3")
    right = discriminating(pool[["t (s)"]], models, 2, weights=[1, 3])
    assert pd.read_csv(io.StringIO(printed), sep=";", decimal=",").equals(right.astype(int))
    run("next", *paths, "--range", "t (s)=0:20", "--output", "next.csv")
    grid = pd.DataFrame({"t (s)": np.linspace(0, 20, 101).round(4)})
    right = discriminating(grid, models)
    assert pd.read_csv("next.csv")["t (s)"].tolist() == right["t (s)"].tolist()
    printed = pd.read_csv(io.StringIO(run("next", *paths, "-n", "3")))["t (s)"]
    assert set(printed) < set(np.linspace(0.5, 8, 101).round(3).tolist())
    wrong = run.fails("next", *paths, "--range", "t=0:1", code=2)
    assert "there is no input 't'" in wrong
    wrong = run.fails("next", *paths, "-n", "102", code=2)
    assert "--samples 102 is more than the 101 conditions" in wrong and "--repeat" in wrong


def test_a_constant_that_is_almost_a_column(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "draw", lambda *_: [])
    Path("a.csv").write_text("dose,t,y\n" + "1,1,2\n2,3,5\n3,2,5.1\n1,4,5\n2,2,4\n")
    fit = ["fit", "a.csv", "-t", "y", "-o", "out", "--equation"]
    run(*fit, "dosee*t + b")
    assert "'dosee' is not a column" in run.err and "did you mean 'dose'?" in run.err
    run(*fit, "a*dose + dose0*t")
    assert run.err == ""


def test_primitives(run: Run) -> None:
    """What is printed computes what the records do, where it says that it is defined."""
    lines = run("primitives").splitlines()
    rows = [re.split(r"  +", line[2:]) for line in lines[1 : lines.index("")]]
    assert {row[0] for row in rows} == {primitive.name for primitive in builtin()}
    marked = [line for line in lines[: lines.index("")] if line.startswith("* ")]
    assert {line.split()[1] for line in marked} == set(SCIENCE)
    names: dict[str, Any] = {
        "exp": np.exp, "ln": np.log, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos,
        "tanh": np.tanh, "abs": np.abs, "max": np.maximum,
    }  # fmt: skip
    x = np.array([-2.5, -0.4, 0.0, 0.7, 3.0])
    for name, formula, *domain in rows:
        primitive = lookup(name)
        for beta in (2.5, -0.5):
            values = {"slope": -1.5, "shift": 0.8, "shape": beta, "exponent": beta}
            coefs = [values[kind] for kind in primitive.params]
            where = names | {"x": x, "a": -1.5, "b": 0.8, "beta": beta}
            defined, _, only = (domain or ["x == x"])[0].partition(" if ")
            right = np.full(5, True)
            if not only or eval(only, {}, where):
                right = eval(defined, {}, where)
            found = primitive.domain(x, *coefs)
            np.testing.assert_array_equal(found, right, err_msg=name)
            with np.errstate(all="ignore"):
                expected = primitive(NUMPY, x, *coefs)
                printed = eval(formula, {}, where) + 0 * x
            np.testing.assert_allclose(printed[right], expected[right], err_msg=name)
    assert len(run("primitives", "--default").splitlines()) == len(SCIENCE) + 5


# Errors


BAD_DATA = {
    "": "it is empty",
    "\n \n": "it is empty",
    "y\n1\n2\n": "'y' is its only column",
    "a,y\n": "there are no rows below",
    "1,2\n3,4\n": "--no-header",
    "a,b\n1,2\n": "no column 'y'. The columns are 'a', 'b'",
    "a,Y\n1,2\n": "did you mean 'Y'?",
    "a,yy\n1,2\n": "did you mean 'yy'?",
    "a,a,y\n1,2,3\n": "columns 1 and 2 are both named 'a'",
    "a,y\n1,2\n,3\n4,NA\n": "column 'a' in row 2; column 'y' in row 3. Fill them in, or",
    "a,y\n1,2\n3\n": "column 'y' in row 2",
    "a,y\n,2\n,3\n": "there are no values in column 'a'",
    "a,b,y\n1,Oslo,2\n": "column 'b' ('Oslo' in row 1) is not numeric; columns of numbers, "
    "for --inputs: 'a'",
    "a,b,y\n1,,2\n1,x,2\n": "--inputs: 'a'",
    "a,y\n1,yes\n": "column 'y' ('yes' in row 1) is not numeric; --classify",
    "a,y\n1,2,3\n": "line 2 has 3 fields, the first line 2",
    'a,y\n1,"2\n': "a quotation mark is not closed",
    "a,y\n1,1e999\n": "column 'y': '1e999' in row 1 is too large",
    "a,y\n1,inf\n": "column 'y' ('inf' in row 1) is not numeric",
    "a,y\n1_0,2\n": "column 'a' ('1_0' in row 1) is not numeric",
    "a\x1b[31m,y\n1,2\n": r"the name of column 1, 'a\x1b[31m', ",
    "a" * 300 + ",y\n1,2\n": "is longer than 200",
    "a\0,y\n1,2\n": "it is not text",
    "PK\x03\x04": "a spreadsheet",
    "a," * 10_001 + "y\n": "more than 10000 columns",
    "a,y\n" + "x" * 100_000 + ",1\n": "xxx...xxx",
}


@pytest.mark.parametrize("number", range(len(BAD_DATA)))
def test_bad_data(run: Run, tmp_path: Path, number: int) -> None:
    content, message = list(BAD_DATA.items())[number]
    path = tmp_path / "bad.csv"
    path.write_text(content, "utf-8")
    error = run.fails("fit", path, "--target", "y", "--output", tmp_path / "out")
    assert f"{path}: " in error and message in error and len(error) < 1000
    assert not (tmp_path / "out").exists()


def test_other_errors(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fitted: tuple[Path, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    model = fitted[0] / "data-darts/model.json"
    Path("a.csv").write_text("a,y\n1,2\n3,4\n")
    assert "none.csv: No such file" in run.fails("fit", "none.csv", "--target", "y")
    assert "a.csv: File exists" in run.fails("fit", "a.csv", "-t", "y", "-o", "a.csv")
    assert "input and the target" in run.fails("fit", "a.csv", "-t", "y", "-i", "y")
    assert "a.csv: it is not a model file" in run.fails("show", "a.csv")
    assert "no column 'lambda'" in run.fails("predict", model, "a.csv")
    broken = json.loads(model.read_text("utf-8")) | {"inputs": "\x1b[2J"}
    Path("broken.json").write_text(json.dumps(broken))
    assert "inputs: must be a whole number" in run.fails("show", "broken.json")
    assert "\x1b" not in run.err
    error = run.fails("predict", model, fitted[0] / "data.csv", "-o", "no/out.csv")
    assert error.endswith("error: no/out.csv: No such file or directory\n")
    assert "row must be one of 0" in run.fails("show", model, "--row", "99")
    Path("one.csv").write_text("a,y\n1,2\n")
    many = ["fit", "a.csv", "-t", "y", "--classify", "--nodes", "1"]
    Path("a.csv").write_text("a,y\n" + "".join(f"{i},{i}\n" for i in range(9)))
    assert "too many for classes" in run.fails(*many)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["fit"], "required: DATA, -t/--target"),
        (["ft", "a.csv"], "no command 'ft'; did you mean 'fit'?"),
        (["fit", "a.csv", "--targt", "y"], "no option '--targt'; did you mean '--target'?"),
        (["fit", "a.csv", "b.csv", "-t", "y"], "unrecognized arguments: b.csv"),
        (["fit", "a.csv", "-t", "y", "--primitives", "expp"], "did you mean 'exp'?"),
        (["fit", "a.csv", "-t", "y", "--y-error", "1", "--classify"], "is for numbers"),
        (["fit", "a.csv", "-t", "y", "--equation", "a*x", "--nodes", "2"], "--nodes is"),
        (["fit", "a.csv", "-t", "y", "--equation", "a*("], "--equation cannot be read"),
        (["next", "m.json", "--samples", "0"], "a whole number from 1, got '0'"),
        (["next", "m.json", "--noise", "-1"], "must be a positive number, got '-1'"),
        (["next", "m.json", "--pool", "p", "--range", "x=0:1"], "--range cannot be"),
        (["next", "m.json", "--weights", "1", "2"], "--weights must be evidence, or 1"),
        (["fit", "a.csv", "-t", "y", "--nodes", "0"], "auto or a number from 1, got '0'"),
        (["fit", "a.csv", "-t", "y", "--time", "nan"], "a number of seconds, got 'nan'"),
        (["fit", "a.csv", "-t", "y", "--jobs", "0"], "-1 means all cores"),
        (["fit", "a.csv", "-t", "y", "--seed", "-1"], "a whole number from 0, got '-1'"),
        (["fit", "a.csv", "-t", "y", "--separator", "ab"], "or a character, got 'ab'"),
        (["fit", "a.csv", "-t", "y", "--primitives", "plus"], "'plus'"),
        (["fit", "a.csv", "-t", "y", "-t", "z", "--classify"], "takes one --target"),
        (["predict", "-", "-"], "cannot both come from standard input"),
        (["predict", "m", "d", "--interval", "1"], "between 0 and 1, such as 0.9, got '1'"),
        (["predict", "m", "d", "--interval", "x"], "between 0 and 1, such as 0.9, got 'x'"),
        (["show", "m.json", "--latex", "--sympy"], "not allowed with"),
    ],
)
def test_usage(run: Run, arguments: list[str], message: str) -> None:
    assert message in run.fails(*arguments, code=2)


# Files


@pytest.mark.parametrize("form", range(0, len(fuzz.FORMS), 11))
def test_every_usual_form_is_read_to_the_last_bit(form: int) -> None:
    names, values = fuzz.rows(random.Random(form))
    content = fuzz.written(names, values, fuzz.FORMS[form])
    found = read_table(content)
    assert [name.replace("_", " ") for name in found.names] == names
    np.testing.assert_array_equal(found.numbers(found.names), values)


def test_details_of_reading() -> None:
    def read(text: str, form: Form = Form()) -> Any:  # noqa: B008
        found = read_table(text.encode(), form)
        return found.numbers(found.names).to_dict("list"), found.notes

    assert read("a, b\n 1 ,2\n\n3,4\n\n") == ({"a": [1, 3], "b": [2, 4]}, [])
    assert read("reaction time\n1\n2\n") == ({"reaction time": [1, 2]}, [])
    assert read("  a   b\n  1   2\n") == ({"a": [1], "b": [2]}, [])
    assert read("a,b,\n1,2,\n") == ({"a": [1], "b": [2]}, [])
    left_out = "column 1 has no name, looks like row numbers and is left out"
    assert read(",a\n0,5\n") == ({"a": [5]}, [left_out])
    assert read("1,2\n", Form(header=False)) == ({"x1": [1], "x2": [2]}, [])
    comma = "commas are read as decimal marks; see --decimal"
    assert read("a;b\n1,5;2\n") == ({"a": [1.5], "b": [2]}, [comma])
    assert read('a\n"1,5"\n', Form(decimal=",")) == ({"a": [1.5]}, [])
    for text in ('a,b\n"1,5",2\n', "a;b\n1,5;2.5\n", "a;b\n1.000,5;2\n"):
        with pytest.raises(DataFileError, match="not numeric"):
            read(text)
    latin = "é;y\n1;2\n".encode("latin-1")
    assert read_table(latin).names == ["é", "y"]
    assert "Windows-1252" in read_table(latin).notes[0]
    assert read_table(latin, Form(encoding="latin-1")).notes == []
    with pytest.raises(DataFileError, match="cannot be read as ascii"):
        read_table(latin, Form(encoding="ascii"))
    classes = read_table(b"k\n1\n1.0\n0\n0\n").labels("k")
    assert classes.tolist() == [1, 1, 0, 0] and classes.dtype == np.int64
    assert read_table(b"k\n01\n01\n2\n2\n").labels("k").tolist() == ["01", "01", "2", "2"]


def test_files_that_are_not_text(tmp_path: Path) -> None:
    text = b"a;b\n1,5;2\n2,5;3\n"

    def zipped(*names: str) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(name, text)
        return file.getvalue()

    packed = [gzip.compress(text), bz2.compress(text), lzma.compress(text), zipped("a.csv")]
    for content in packed:
        found = read_table(content)
        assert found.numbers(["a"])["a"].tolist() == [1.5, 2.5]
        with pytest.raises(DataFileError, match=r"cannot be (unpacked|opened)"):
            read_table(content[: len(content) * 2 // 3])
    assert read_table(zipped("__MACOSX/a.csv", "b/", "b/a.csv")).names == ["a", "b"]
    bad = {
        "a zip file of 2 files": zipped("a.csv", "b.csv"),
        "an Excel file (.xlsx)": zipped("xl/workbook.xml"),
        "an OpenDocument file (.ods)": zipped("content.xml", "mimetype"),
        "an old Excel file (.xls)": b"\xd0\xcf\x11\xe0" + text,
        "a Parquet file": b"PAR1" + text,
        "a Feather file": b"ARROW1" + text,
        "leave out --sheet 'A'": text,
    }
    for message, content in bad.items():
        with pytest.raises(DataFileError, match=re.escape(message)):
            read_table(content, Form(sheet="A"))
    if find_spec("openpyxl") is None:
        with pytest.raises(DataFileError, match="pip install openpyxl"):
            read_table(zipped("xl/workbook.xml"))


def test_spreadsheets(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    path = tmp_path / "a.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"n": [1]}).to_excel(book, sheet_name="notes", index=False)
        frame = pd.DataFrame({"x y": [0.1, np.nan], "kind": ["NA", "b"]})
        frame.to_excel(book, sheet_name="data")
    first = read_table(path.read_bytes())
    assert first.names == ["n"] and first.notes == [
        "sheet 'notes' is read; for 'data' give --sheet"
    ]
    found = read_table(path.read_bytes(), Form(sheet="data"))
    assert found.cells.to_numpy().tolist() == [["0.1", "NA"], ["", "b"]]
    assert "column 1 has no name" in found.notes[0]
    with pytest.raises(DataFileError, match="no sheet 'dta'; did you mean 'data'"):
        read_table(path.read_bytes(), Form(sheet="dta"))


def test_columnar_files(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(
        {"a": [0.1 + 0.2, 2], "b": [1, 2]}, index=pd.Index([3, 5], name="t")
    )
    for write in (frame.to_parquet, frame.to_feather):
        write(tmp_path / "a")
        found = read_table((tmp_path / "a").read_bytes())
        assert found.names == ["t", "a", "b"]
        np.testing.assert_array_equal(found.numbers(found.names), frame.reset_index())


def test_fuzz() -> None:
    """`benchmarks/fuzz_data_files.py` is the long run."""
    rng, counts = random.Random(7), Counter[str]()
    for encoding in fuzz.ENCODINGS:  # what is imported only once
        fuzz.judge(b"a,b\n1,2\n", Form(encoding=encoding))
    for _ in range(150):
        content, form = fuzz.mutated(rng), fuzz.chosen_form(rng)
        outcome = fuzz.judge(content, form)
        assert outcome.kind != "failed", (outcome.detail, content[:1000], form)
        counts[outcome.kind] += 1
    assert min(counts["refused"], counts["accepted"]) > 10


# The program


def test_help_needs_no_heavy_imports() -> None:
    script = (
        "import sys, autora.skl.darts\n"
        "from autora.skl.darts.cli.main import main\n"
        "try: main(['fit', '--help'])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "print({'numpy', 'sklearn', 'jax', 'pandas'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.endswith("set()\n") and "--target" in found.stdout, found.stderr


def test_as_a_program(fitted: tuple[Path, str]) -> None:
    command = [sys.executable, "-m", "autora.skl.darts", "predict", "no.json", "data.csv"]
    found = subprocess.run(command, capture_output=True, text=True, cwd=fitted[0])
    assert found.returncode == 1 and found.stdout == ""
    assert found.stderr == "autora-darts: error: no.json: No such file or directory\n"
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, function = scripts["autora-darts"].split(":")
    assert getattr(import_module(module), function) is main


def test_every_option_is_documented(run: Run) -> None:
    page = (ROOT / "docs/command_line.md").read_text("utf-8")
    for command in ("fit", "compare", "predict", "show", "explore", "next", "primitives"):
        options = set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", run(command, "--help")))
        assert len(options) > 2
        unnamed = options - {"-h", "--help"}
        assert [option for option in unnamed if f"`{option}" not in page] == []


def test_the_package_lists_what_it_imports_later() -> None:
    assert set(package.__all__) <= set(dir(package))
    assert all(getattr(package, name) is not None for name in package.__all__)
