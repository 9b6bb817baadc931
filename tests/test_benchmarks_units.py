"""The benchmark with units: its problems, how it calls the estimator, and its page."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path

import numpy as np
import pint
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

from helpers.dimensions import BASE, consistent, spelled
from helpers.problems import Problem, find, load

PROBLEMS = {problem.name: problem for problem in load(file="feynman_units")}


def changed(problem: Problem, symbol: str, units: tuple[int, ...]) -> Problem:
    """The problem with other units of one variable."""
    variables = tuple(
        dataclasses.replace(v, units=units) if v.symbol == symbol else v
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
        for units in [problem.units, *(v.units for v in problem.variables)]:
            assert units is not None
            powers = zip(BASE, units, strict=True)
            expected = math.prod(pints.Unit(base) ** power for base, power in powers)
            assert pints.parse_units(spelled(units)) == expected


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
