"""The benchmark of certainty: what it draws, what counts as right, and its page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import certainty
from autora.skl.darts import DARTSRegressor


def test_rows_are_those_that_the_page_tells_of() -> None:
    one = certainty.drawn(certainty.PROBLEMS["stevens"], 50, 0.2, 3)
    again = certainty.drawn(certainty.PROBLEMS["stevens"], 50, 0.2, 3)
    np.testing.assert_array_equal(one.y, again.y)
    np.testing.assert_allclose(one.law(one.X), 2.3 * one.X[:, 0] ** 0.62)
    errors = (one.y - one.law(one.X)) / one.spread
    assert stats.kstest(errors, "norm").pvalue > 1e-3
    low, high = one.X.min(), one.X.max()
    assert ((one.inside >= low) & (one.inside <= high)).all()
    assert ((one.outside < low) | (one.outside > high)).all()
    assert (one.outside > 0).all(), "what is positive stays so"
    assert len(one.outside) == certainty.FRESH


@pytest.mark.parametrize(
    ("form", "law"),
    [
        ("a*x1**b", True),
        ("a*x1**b + c", True),
        ("a*x1**b + c*x1", False),
        ("a*sqrt(x1) + c", False),
    ],
)
def test_the_law_is_told_from_what_contains_or_resembles_it(form: str, law: bool) -> None:
    sample = certainty.drawn(certainty.PROBLEMS["stevens"], 50, 0.05, 0)
    model = DARTSRegressor.from_equation(form, random_state=0).fit(sample.X, sample.y)
    assert certainty._is_the_law(model.model_, sample) is law


def test_coverage_and_scores_of_intervals_that_are_known() -> None:
    sample = certainty.drawn(certainty.PROBLEMS["stevens"], 20, 0.2, 0)
    z = stats.norm.ppf(0.95)

    def intervals(X: np.ndarray, kind: str) -> np.ndarray:
        law, width = sample.law(X), z * sample.spread
        return np.column_stack([law - width, law + width])

    def density(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        return stats.norm.logpdf(y, sample.law(X), sample.spread)

    found = certainty._scored(sample, intervals, density)
    assert found["mean_inside"] == found["mean_outside"] == 1
    # Of 200 rows 90 %: within four standard errors.
    assert found["observation_inside"] == pytest.approx(0.9, abs=0.085)
    assert found["width_inside"] == pytest.approx(2 * z)
    assert found["score_inside"] == pytest.approx(-0.5 * np.log(2 * np.pi * np.e), abs=0.2)


def test_the_density_of_a_mixture_is_that_of_its_parts() -> None:
    x = np.linspace(1, 5, 12)[:, None]
    y = 2 * x[:, 0] + 0.3 * np.random.default_rng(0).normal(size=12)
    model = DARTSRegressor.from_equation("a*x1 + b").fit(x, y)
    new = np.array([[2.0], [9.0]])
    found = certainty._log_density(model._predictive(new), np.array([4.1, 18.0]))
    design = np.column_stack([x[:, 0], np.ones(12)])
    slope, residual, *_ = np.linalg.lstsq(design, y, rcond=None)
    wanted = np.column_stack([new[:, 0], np.ones(2)])
    variance = residual[0] / 10
    inverse = np.linalg.inv(design.T @ design)
    scale = np.sqrt(variance * (1 + np.einsum("ni,ij,nj->n", wanted, inverse, wanted)))
    expected = stats.t.logpdf([4.1, 18.0], 10, wanted @ slope, scale)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def row(system: str, **more: Any) -> dict[str, Any]:
    known = {
        f"{name}_{where}_{which}": 0.9
        for name in ("observation", "mean", "score")
        for where in ("inside", "outside")
        for which in ("all", "selected")
    }
    case = {"problem": "stevens", "rows": 20, "noise": 0.05, "seed": 2, "commit": "c"}
    return {"system": system, **case, "cpu": 1.0, **known, **more}


def test_the_page_has_what_was_measured(tmp_path: Path) -> None:
    judged = [[0.6, True], [0.55, True], [0.65, False], [0.98, True]]
    rows = [
        row("darts", judged=judged, interval_seconds=0.05, score_inside_all=1.0),
        row("gaussian_process", observation_inside_all=0.5),
    ]
    page = certainty.page(rows)
    assert "| 0.5 to 0.7 | 3 | 0.60 | 0.67 |" in page
    assert "| 20 | 0.05 | gaussian_process | 1 | 50.0 |" in page
    assert "| inside | 1 | 0.100 | 1 | 0 | 1 |" in page
    certainty.picture(rows, tmp_path / "picture.svg")
    assert (tmp_path / "picture.svg").stat().st_size > 1000
