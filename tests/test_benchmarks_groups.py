"""The benchmark of groups: its problems, what counts as found, and its page."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import sympy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import groups
from helpers import systems
from helpers.groups import Form, Group, coverage, drawn, form_of, with_constants, written
from helpers.problems import load
from helpers.runs import failure
from helpers.scores import symbolic

PROBLEMS = {p.name: p for file in ("class_sr", "group_laws") for p in load(file=file)}


def rows_of(some: list[Group]) -> list[np.ndarray]:
    return [g.problem.draw(50, i).X for i, g in enumerate(some)]


def form(name: str, texts: list[str] | str, some: list[Group] | None = None) -> Form | None:
    """Whether expressions, one of every group or one with its constants, are the law."""
    problem = PROBLEMS[name]
    some = some or drawn(problem, 5, 0)
    if isinstance(texts, str):
        changed = replace(problem, expression=texts)
        texts = [with_constants(changed, g.constants).expression for g in some]
    pairs = zip(some, texts, strict=True)
    laws = [replace(group.problem, expression=text) for group, text in pairs]
    return form_of(problem, some, rows_of(some), [law.function for law in laws])


# Problems


def test_every_group_is_finite_and_has_its_own_constants() -> None:
    assert [len(load(file=file)) for file in groups.FILES.values()] == [8, 10]
    for problem in PROBLEMS.values():
        assert problem.source and problem.licence
        some = drawn(problem, 6, 0)
        constants = np.array([g.constants for g in some])
        for constant, column in zip(problem.constants, constants.T, strict=True):
            assert len(set(column)) == (6 if constant.varies else 1)
            if constant.dist == "uniform":
                assert (column >= constant.low).all() and (column <= constant.high).all()
        for group, X in zip(some, rows_of(some), strict=True):
            assert np.isfinite(group.problem.function(X)).all()
            assert np.ptp(group.problem.function(X)) > 0


def test_a_seed_decides_about_groups() -> None:
    law = PROBLEMS["free_fall"]
    again = [g.problem.expression for g in drawn(law, 3, 1)]
    assert [g.problem.expression for g in drawn(law, 3, 1)] == again
    assert [g.problem.expression for g in drawn(law, 3, 2)] != again


def test_what_participants_share_has_its_number() -> None:
    assert written(PROBLEMS["practice"]) == "k1 + k2*x1**(-(0.5))"
    assert written(PROBLEMS["practice"], [1, 2, 3]) == "(1.0) + (2.0)*x1**(-(3.0))"


def test_sympy_judges_the_law_of_a_group() -> None:
    [group, other] = drawn(PROBLEMS["radioactive_decay"], 2, 0)
    text = str(group.problem.truth)
    assert symbolic(group.problem, text, 1.0, 60) == {"symbolic": True}
    assert symbolic(other.problem, text, 1.0, 60) == {"symbolic": False}


# What counts as found


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_law_is_its_own_form(name: str) -> None:
    found = form(name, PROBLEMS[name].expression)
    assert found is not None and found.as_the_law and not found.extended


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("harmonic_oscillator", "-1.02*k1*sin(k2*x1 + k3 - pi/2)"),
        ("free_fall", "k2 - 1.01*c1*(x1 - k1/(2*c1))**2"),
        ("radioactive_decay", "exp(1.1*log(k1) - x1/(1.01*k2))"),
        ("naka_rushton", "1/(1/k1 + k2/(k1*x1))"),
        ("practice", "k1 + k2/x1**0.51"),
    ],
)
def test_constants_and_writing_do_not_matter(name: str, text: str) -> None:
    found = form(name, text)
    assert found is not None and found.as_the_law and not found.extended


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("black_body", "exp(-5.9*x1/k1)"),  # the law with 0 for a constant that is 1
        ("hyperbolic_discounting", "x1*exp(-k1*x2)"),
        ("practice", "k1 - 0.3*k2*log(x1)"),
        ("free_fall", "k2 + k1*x1 - c1*x1**2 + 0.001*x1**3"),
        ("free_fall", "k2"),
        ("free_fall", "k2 + log(x1 - 2)"),
    ],
)
def test_another_form_is_told_apart(name: str, text: str) -> None:
    assert form(name, text) is None


@pytest.mark.parametrize("text", ["0.1 + k1*log(x1/x2)", "k1*log(1.05*x1/x2) - 0.1*k1"])
def test_more_than_the_law_is_told(text: str) -> None:
    found = form("fechner", text)
    assert found is not None and found.extended


def test_what_differs_does_not_depend_on_the_writing() -> None:
    shared = form("naka_rushton", "30*x1/(x1 + k2)")
    assert shared is not None and shared.varying == ["k2"] and not shared.as_the_law
    # 1 / (1/R + h/R/x) with the second term shared: half-saturation follows R.
    tied = form("naka_rushton", "1/(1/k1 + 0.01/x1)")
    assert tied is not None and tied.varying == ["k1", "k2"]
    some = drawn(PROBLEMS["practice"], 4, 0)
    texts = [
        f"0.4 + {b}*x1**(-{p})" for b, p in ((1, 0.5), (2, 0.4), (1.5, 0.6), (1, 0.45))
    ]
    powers = form("practice", texts, some)
    assert powers is not None and powers.varying == ["k2", "c1"]


def test_intervals_are_counted_of_constants_of_the_law() -> None:
    some = drawn(PROBLEMS["exponential_discounting"], 4, 0)
    truth = np.array([g.constants[0] for g in some])
    estimates = truth + np.array([0.001, -0.002, 0.003, 0.0])
    found = form("exponential_discounting", [f"x1*exp(-{k}*x2)" for k in estimates], some)
    assert found is not None
    errors = np.full(4, 0.0015)
    # As coefficients of an exponent they are negative; twice them are no constant.
    assert coverage(found, some, [(-estimates, errors)], 1.645) == (3, 4)
    assert coverage(found, some, [(2 * estimates, errors)], 1.645) == (0, 0)


# Fits


class GasLaw:
    """Stands in for the estimator: k·x1/x2 with a k of every group."""

    asked: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, **parameters: Any) -> None:
        self.parameters, self.k, self.factors = parameters, 1.0, {}
        self.model_ = self

    def fit(self, X: np.ndarray, y: np.ndarray, groups: Any = None) -> GasLaw:
        self.asked.append({"parameters": self.parameters, "groups": groups})
        if X.shape[1] == 2:
            k = y * X[:, 1] / X[:, 0]
            self.k = float(np.median(k))
            if groups is not None:
                self.factors = {g: float(np.median(k[groups == g])) for g in set(groups)}
        return self

    def of_group(self, label: Any) -> GasLaw:
        found = GasLaw()
        found.k = self.factors[label]
        return found

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (self.k * X[:, 0] / X[:, -1]).reshape(-1, 1)

    def live_nodes(self) -> set[int]:
        return set()

    def edges(self) -> list[Any]:
        return []

    def sympy(self, simplify: bool) -> Any:
        return sympy.sympify(f"{self.k}*x1/x2")

    def model_repr(self, decimals_to_display: int) -> str:
        return f"y = {self.k}*x1/x2"


def job(name: str, count: int, part: str = groups.CLASS, rows: int = 30) -> dict[str, Any]:
    key = f"{groups.FILES[part]}/{name}"
    noise = 0.0 if part == groups.CLASS else 0.1
    return groups._job(part, key, count, noise, 0, rows) | {"seconds": 5.0}


@pytest.mark.parametrize("count", [1, 3])
def test_realisations_are_groups_of_one_fit(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autora.skl.darts.DARTSRegressor", GasLaw)
    monkeypatch.setattr(GasLaw, "asked", [])
    monkeypatch.setattr(systems, "_warm", set())
    row = groups.work(job("ideal_gas", count))
    assert row["form"] and row["symbolic"] and row["good"] and not row["extended"]
    assert row["differs"] is (None if count == 1 else True)
    last = GasLaw.asked[-1]
    assert last["parameters"] == {"max_time": 5.0, "random_state": 0}
    if count == 1:
        assert last["groups"] is None
    else:
        assert np.array_equal(last["groups"], np.repeat([0, 1, 2], 30))


def test_another_law_is_not_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autora.skl.darts.DARTSRegressor", GasLaw)
    monkeypatch.setattr(systems, "_warm", set())
    row = groups.work(job("terminal_velocity", 3))
    assert not (row["form"] or row["symbolic"] or row["good"])
    assert row["differs"] is None


def test_coefficients_of_groups_have_their_order() -> None:
    table = pd.DataFrame(
        {
            "group": [None, 2, 0, 1],
            "term": ["slope", "intercept", "intercept", "intercept"],
            "coefficient": [5.0, 2.0, 0.0, 1.0],
            "standard_error": [0.5, 0.2, 0.0, 0.1],
        }
    )
    estimator = type("Stub", (), {"coefficients_": table})()
    fitted = systems.Fitted(estimator, 0.0, 0.0, None)
    [(values, errors)] = groups._coefficients(fitted, 3)
    assert values.tolist() == [0, 1, 2] and errors.tolist() == [0, 0.1, 0.2]


def test_a_refit_with_groups_reaches_the_noise() -> None:
    row = groups.work(groups._job(groups.COST, "cost", 20, 0.1, 0, 100))
    assert row["grouped"] > 0 and row["ordinary"] > 0
    assert row["loss"] == pytest.approx(1, abs=0.15)


@pytest.mark.long
def test_a_law_of_participants_is_found() -> None:
    row = groups.work(job("fechner", 20, groups.LAWS))
    assert row["form"] and row["differs"] and len(row["own"]) == len(row["alone"]) == 20
    assert max(row["own"] + row["alone"]) < groups.LAW_NOISE
    assert 0.5 < row["new"] / row["new_median"] < 2


# Which fits


def options(monkeypatch: pytest.MonkeyPatch, *given: str) -> Any:
    monkeypatch.setattr(sys, "argv", ["groups.py", *given])
    return groups.arguments()


def test_parts_are_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = groups.jobs(options(monkeypatch))
    assert len(everything) == 3 * (8 * 2 * 4 + 10) + 4 + 3
    assert len({tuple(row[name] for name in groups.KEY) for row in everything}) == 229
    few = ("--parts", "class,laws", "--problems", "free,hick", "--seeds", "1")
    found = groups.jobs(options(monkeypatch, *few, "--noises", "0.1"))
    assert [(r["problem"], r["groups"]) for r in found] == [
        ("class_sr/free_fall", 1),
        ("class_sr/free_fall", 10),
        ("group_laws/hick", 20),
    ]


def test_what_cannot_run_is_told_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"unknown part \['unreal'\]; there are"):
        groups.jobs(options(monkeypatch, "--parts", "unreal"))
    with pytest.raises(ValueError, match=r"--problems 'XX' is in no name: give pieces"):
        groups.jobs(options(monkeypatch, "--parts", "laws", "--problems", "XX"))


def test_results_of_other_conditions_have_another_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conditions = [(), ("--seconds", "5"), ("--rows", "200"), ("--noises", "0")]
    found = [groups.default_name(options(monkeypatch, *given)) for given in conditions]
    assert found == ["groups", "groups_5s", "groups_rows200", "groups"]


# The page


def of_class(name: str, count: int, noise: float, found: bool) -> dict[str, Any]:
    row = groups._job(groups.CLASS, f"class_sr/{name}", count, noise, 0, 100)
    scores = {"form": found, "extended": False if found else None, "symbolic": found}
    scores |= {"differs": found if count > 1 and found else None, "good": True}
    shown = {"cpu": 4.0, "wall": 5.0, "equation": "Model:\ny = x1"}
    return {**row, **scores, **shown, "seconds": 10.0, "commit": "c"}


def of_law(name: str, own: float, alone: float | None, extended: bool) -> dict[str, Any]:
    row = groups._job(groups.LAWS, f"group_laws/{name}", 2, 0.1, 0, 30)
    scores = {"form": True, "extended": extended, "differs": True, "varying": ["k1"]}
    errors = {"own": [own, own], "alone": [alone, alone], "inside": 1, "of": 2}
    new = {"new": 0.8, "new_median": 0.7, "cpu": 4.0, "wall": 5.0, "equation": "y = 1"}
    return {**row, **scores, **errors, **new, "commit": "c"}


def test_the_page_has_every_part() -> None:
    assert groups.page([]) == "No results yet."
    rows = [of_class("free_fall", 1, 0.0, True), of_class("free_fall", 10, 0.1, False)]
    rows += [of_class("ideal_gas", 10, 0.1, True)]
    lost = {k: rows[-1][k] for k in (*groups.KEY, "commit", "seconds", "rows")}
    rows += [{**lost, "seed": 1, **failure("it broke")}]
    rows += [of_law("hick", 0.03, 0.06, False), of_law("fitts", 0.04, None, True)]
    for count, time in ((1, 0.001), (10, 0.01), (100, 0.1)):
        cost = groups._job(groups.COST, "cost", count, 0.1, 0, 100)
        rows += [{**cost, "grouped": time, "ordinary": 2 * time, "commit": "c"}]
    text = groups.page(rows)
    cells = "| 0 (0 %) |  | 1 (100 %) | 1 (100 %) | 4.00 | 0 | 0 | 100 % | 100 % |"
    assert f"| 0 | 1 | 1 | 1 (100 %) {cells}" in text
    cells = "| 0 (0 %) | 1 (33 %) | 1 (33 %) | 2 (67 %) | 4.00 | 1 | 0 | 70 % | 80 % |"
    assert f"| 0.1 | 10 | 3 | 1 (33 %) {cells}" in text
    assert "| free_fall | 1 of 1; 100 % | 0 of 1; 40 % |" in text
    assert "- free_fall, 10 groups, noise 0.1, seed 0, another form: `y = x1`" in text
    assert (
        "| hick | 1 | 1 (100 %) | 0 (0 %) | 1 (100 %) | 0.0300 | 0.0600 | 2 of 2 |" in text
    )
    assert "| 2 of 2 | 1 of 2 (50 %) |  | 0.8000 | 0.7000 |" in text
    # A participant whose own fit is nowhere finite is nearer to ours.
    assert "| 0.0400 |  | 2 of 2 |  | 1 of 2 (50 %) |" in text
    assert "| 100 | 10000 | 100.00 | 200.00 | 0.5 |" in text
    assert "to the power 1.00 (ordinary 1.00)" in text
    assert "it broke" in text


def test_figures_of_physo_are_of_these_problems() -> None:
    assert [p.name for p in load(file="class_sr")] == [*groups.PHYSO]
    figures = np.array([*groups.PHYSO.values()])
    assert figures.shape == (8, 2, 8) and (figures % 20 == 0).all()
    assert figures[:, 0, 0].mean() == 75 and figures[:, 0, 7].mean() == 62.5
