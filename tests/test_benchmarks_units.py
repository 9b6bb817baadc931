"""The benchmark with units: its problems, how it calls the estimator, and its page."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pint
import pytest
import sympy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import units
from helpers import runs, systems
from helpers.dimensions import BASE, consistent, spelled
from helpers.problems import Problem, find, load
from helpers.runs import Store, failure

PROBLEMS = {problem.name: problem for problem in load(file="feynman_units")}


def changed(problem: Problem, symbol: str, given: tuple[int, ...]) -> Problem:
    """The problem with other units of one variable."""
    variables = tuple(
        dataclasses.replace(v, units=given) if v.symbol == symbol else v
        for v in problem.variables
    )
    return dataclasses.replace(problem, variables=variables)


# Problems


def test_every_problem_is_finite_where_it_is_sampled() -> None:
    assert len(PROBLEMS) == 120
    for problem in PROBLEMS.values():
        data = problem.draw(rows=1000)
        for X, y in (data[:2], data[2:4], data[4:]):
            assert X.shape == (1000, len(problem.variables)), problem.key
            assert np.isfinite(y).all() and np.ptp(y) > 0, problem.key


def test_every_law_has_the_units_of_its_target() -> None:
    assert not [p.key for p in PROBLEMS.values() if not consistent(p)]


def test_other_units_do_not_pass() -> None:
    # As the source publishes it: kg/s where v = mu·q·V/d needs s/kg.
    drift = PROBLEMS["feynman_I_43_16"]
    assert not consistent(changed(drift, "mu_drift", (0, -1, 1, 0, 0)))
    with pytest.raises(ValueError, match="unlike units"):
        consistent(changed(PROBLEMS["feynman_I_8_14"], "x1", (0, 1, 0, 0, 0)))
    with pytest.raises(ValueError, match="function of something with units"):
        consistent(changed(PROBLEMS["feynman_I_6_2a"], "theta", (1, 0, 0, 0, 0)))
    law = "sqrt(x1**2 + 1)"
    with pytest.raises(ValueError, match="unlike units"):
        consistent(dataclasses.replace(PROBLEMS["feynman_I_8_14"], expression=law))


def test_units_are_spelled_as_pint_reads_them() -> None:
    assert [spelled(u) for u in ((1, -2, 1, 0, 0), (0, 0, 0, 0, 0))] == ["m*s**-2*kg", ""]
    pints: pint.UnitRegistry = pint.UnitRegistry()
    for problem in PROBLEMS.values():
        for given in [problem.units, *(v.units for v in problem.variables)]:
            assert given is not None
            powers = zip(BASE, given, strict=True)
            expected = math.prod(pints.Unit(base) ** power for base, power in powers)
            assert pints.parse_units(spelled(given)) == expected


def test_what_two_sources_have_is_the_same() -> None:
    both = [p for p in load(["srbench_feynman"]) if p.name in PROBLEMS]
    assert len(both) == 58
    for other in both:
        ours = PROBLEMS[other.name]
        shared = [(v.symbol, v.low, v.high) for v in other.variables]
        assert shared == [(v.symbol, v.low, v.high) for v in ours.variables]
        X = other.draw(rows=1000).X
        assert np.allclose(ours.function(X), other.function(X), rtol=1e-12), other.key


def test_files_are_kept_apart() -> None:
    assert "feynman_units" not in {problem.suite for problem in load()}
    for key in ("feynman_units/feynman_I_8_14", "srbench_feynman/feynman_I_8_14"):
        assert find(key).key == key


# Fits


class Recorder:
    """An estimator that finds the force on a charge and keeps what it was asked."""

    asked: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, **parameters: Any) -> None:
        self.parameters = parameters
        self.model_ = self

    def fit(self, X: np.ndarray, y: np.ndarray, **known: Any) -> None:
        shape = {"columns": X.shape[1]}
        self.asked.append({"parameters": self.parameters, "known": known} | shape)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (X[:, 0] * X[:, 1]).reshape(-1, 1)

    def live_nodes(self) -> set[int]:
        return set()

    def edges(self) -> list[Any]:
        return []

    def sympy(self, simplify: bool) -> Any:
        return sympy.sympify("x1*x2")

    def model_repr(self, decimals_to_display: int) -> str:
        return "y = x1*x2"


def job(system: str) -> dict[str, Any]:
    where = {"system": system, "problem": "feynman_units/feynman_I_12_5", "noise": 0.0}
    return where | {"seed": 0, "seconds": 5.0, "rows": 100}


@pytest.mark.parametrize("system", ["plain", "units", "numbers"])
def test_the_estimator_is_told_what_the_system_says(
    system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autora.skl.darts.DARTSRegressor", Recorder)
    monkeypatch.setattr(Recorder, "asked", [])
    monkeypatch.setattr(systems, "_warm", set())
    row = units.work(job(system))
    assert row["symbolic"] and row["strict"] and row["cpu"] is not None
    warm, fit = Recorder.asked
    assert (warm["columns"], fit["columns"]) == (1, 2)
    parameters = {"max_time": 5.0, "random_state": 0}
    if system == "numbers":
        parameters["dimensionless_constants_only"] = True
    assert fit["parameters"] == parameters
    # A charge in an electric field.
    told = {"X_units": ["m**2*s**-2*kg*V**-1", "m**-1*V"], "y_units": "m*s**-2*kg"}
    assert fit["known"] == ({} if system == "plain" else told)
    assert fit["known"].keys() == warm["known"].keys()


@pytest.mark.long
def test_a_law_is_found_without_units() -> None:
    row = units.work(job("plain"))
    assert row["symbolic"] and row["strict"] and row["cpu_exact"] <= row["cpu"]


def options(monkeypatch: pytest.MonkeyPatch, *given: str) -> Any:
    monkeypatch.setattr(sys, "argv", ["units.py", *given])
    return units.arguments()


def test_systems_take_turns_on_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = units.jobs(options(monkeypatch, "--seeds", "2"))
    assert len(everything) == 2 * 4 * 120 * 3
    assert len({tuple(row[name] for name in units.KEY) for row in everything}) == 2880
    assert [row["system"] for row in everything[:3]] == ["plain", "units", "numbers"]
    assert len({row["problem"] for row in everything[:3]}) == 1
    few = ("--problems", "I_8_14,test_1", "--limit", "3", "--noises", "0.1")
    found = units.jobs(options(monkeypatch, *few, "--systems", "plain"))
    first = ["I_8_14", "test_1", "test_10"]
    assert [r["problem"] for r in found] == [f"feynman_units/feynman_{n}" for n in first]
    assert {row["noise"] for row in found} == {0.1}


def test_what_cannot_run_is_told_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"--problems 'XX' is in no name: give parts"):
        units.jobs(options(monkeypatch, "--problems", "XX"))
    with pytest.raises(ValueError, match=r"unknown system \['metric'\]; there are"):
        units.jobs(options(monkeypatch, "--systems", "plain,metric"))
    monkeypatch.setattr(systems.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"'units' needs pint.*\[units\]"):
        units.jobs(options(monkeypatch))


def test_results_of_other_conditions_have_another_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conditions = [(), ("--seconds", "5"), ("--rows", "200"), ("--noises", "0")]
    found = [units.default_name(options(monkeypatch, *given)) for given in conditions]
    assert found == ["units", "units_5s", "units_rows200", "units"]


# The page


def row(system: str, name: str, noise: float, found: bool, cpu: float) -> dict[str, Any]:
    where = {"system": system, "problem": f"feynman_units/{name}", "noise": noise}
    scores = {"strict": found, "symbolic": found, "good": True, "r2_test": 1.0}
    exact = {"error": 0.0 if found and not noise else 1e-3, "cpu_exact": cpu / 2}
    times = {"wall": cpu, "cpu": cpu, "seconds": 10.0, "rows": 1000}
    return {**where, "seed": 0, "commit": "c", **scores, **exact, **times}


def test_noise_levels_stay_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "RUNS", tmp_path)
    monkeypatch.setattr(runs, "NUMBERS", tmp_path / "numbers")
    store = Store("units", units.KEY)
    for noise in (0.0, 0.1, 0.1):
        store.append(row("plain", "a", noise, True, 1.0))
    assert [line["noise"] for line in store.rows()] == [0.0, 0.1]


def test_the_page_compares_systems_noise_by_noise() -> None:
    assert units.page([]) == "No results yet."
    rows = [row("plain", f"feynman_{i}", 0.0, i < 2, 4.0) for i in range(4)]
    rows += [row("units", f"feynman_{i}", 0.0, i < 3, 1.0) for i in range(4)]
    rows += [row("plain", "feynman_I_26_2", 0.1, True, 8.0)]
    lost = {k: rows[-1][k] for k in (*units.KEY, "commit", "seconds", "rows")}
    rows += [{**lost, "system": "units", **failure("it broke")}]
    text = units.page(rows)
    assert "Here: 5 equations, 1 seeds, a budget of 10 core-seconds, 1000 training" in text
    cells = "| 4 (100 %) | 4.00 | 4.00 | 4.00 | 2.00 | 0 | 0 |"
    assert f"| 0 | plain | 4 | 2 (50 %) {cells}" in text
    assert "| 0 | units | 4 | 3 (75 %) | 4 (100 %) | 1.00 | 1.00 | 1.00 | 0.50 |" in text
    assert "| 0.1 | plain | 1 | 1 (100 %) | 1 (100 %) | 8.00 | 8.00 | 8.00 |  | 0 |" in text
    assert "| plain | units | 4 | 0 | 1 |" in text  # the pair without noise
    assert "| plain | units | 1 | 1 | 0 |" in text  # and with
    assert "it broke" in text
    # PhySO left this one out, so it does not count beside PhySO's figures.
    assert "| 0.1 | 53.4 (44.6 to 62.3) | 64.1 | 99.0 |  |  |  |  |" in text
    assert set(units.LEFT_OUT) <= set(PROBLEMS)
