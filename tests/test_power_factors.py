"""Powers of inputs that are factors of y: which are seen, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.fitting.problem import Problem
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import SCIENCE, resolve
from autora.skl.darts.search import conversion, inversion
from autora.skl.darts.search.power_factors import power_factors

Law = Callable[[np.ndarray], np.ndarray]
RNG = np.random.default_rng(0)
X = RNG.uniform(1.0, 4.0, (200, 4))
NOISE = RNG.normal(size=len(X))


def inner(X: np.ndarray) -> np.ndarray:
    return 1 + X[:, 1] ** 2 + 0.5 * X[:, 1] * np.cos(X[:, 3])


def found(y: np.ndarray, X: np.ndarray = X, weight: np.ndarray | None = None) -> dict:
    return power_factors(X.T, y, np.ones(len(y)) if weight is None else weight)


LAWS: dict[str, tuple[Law, dict[int, float]]] = {
    "two factors": (lambda X: 3 * X[:, 0] / X[:, 2] ** 2 * inner(X), {0: 1, 2: -2}),
    "a half": (lambda X: -np.sqrt(X[:, 2]) * inner(X), {2: 0.5}),
    "under a root": (lambda X: X[:, 0] / np.sqrt(inner(X) + X[:, 2]), {0: 1}),
    "a sum": (lambda X: X[:, 0] + X[:, 2] * inner(X), {}),
    "an exponential": (lambda X: np.exp(-X[:, 0]) * inner(X), {}),
    "a third": (lambda X: X[:, 0] ** (1 / 3) * inner(X), {}),
    "nothing but powers": (lambda X: X[:, 0] * X[:, 1] ** -1 * X[:, 3] ** 1.5,
                           {0: 1, 1: -1, 3: 1.5}),
}  # fmt: skip


@pytest.mark.parametrize(("law", "factors"), LAWS.values(), ids=list(LAWS))
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_factors_are_seen(law: Law, factors: dict[int, float], noise: float) -> None:
    y = law(X) * (1 + noise * NOISE)
    if noise and not factors:
        # What noise hides may pass for a factor, but never for another power.
        assert set(found(y).values()) <= {0.5, -0.5, -2.0, -2.5}
    else:
        assert found(y) == factors


def test_few_rows_and_useless_columns_say_nothing() -> None:
    law = LAWS["two factors"][0]
    assert found(law(X[:25]), X[:25]) == {}  # 15 coefficients
    twin = np.column_stack([X, X[:, 0]])
    assert found(law(X), twin) == {}  # which of the two is the factor?
    many = RNG.uniform(1.0, 2.0, (2000, 30))  # 496 coefficients: not worth their time
    assert found(many[:, 0] * inner(many), many) == {}
    constant = np.column_stack([X, np.full(len(X), 2.0)])
    assert found(law(X), constant) == {0: 1, 2: -2}
    negative = np.column_stack([X[:, :3], X[:, 3] - 2])
    y = law(np.column_stack([X[:, :3], negative[:, 3]]))
    assert found(y, negative) == {0: 1, 2: -2}


def test_a_weight_is_a_repetition() -> None:
    weight = RNG.integers(1, 4, len(X))
    y = LAWS["two factors"][0](X) * (1 + 0.05 * NOISE)
    rows = np.repeat(np.arange(len(X)), weight)
    assert found(y, weight=weight.astype(float)) == found(y[rows], X[rows])


def places(y: np.ndarray, names: tuple[str, ...] = SCIENCE) -> list[inversion.Undone]:
    problem = Problem(X, y[:, None], np.ones(len(y)), True, True)
    frame = conversion.SpaceBounds(resolve(names))
    evaluator = conversion.evaluator_for(frame, problem, OBJECTIVES["real"])
    return inversion.undone(evaluator)


def test_factors_leave_the_search() -> None:
    """Under every function the same factors are gone, and one place undoes only them."""
    there = places(LAWS["two factors"][0](X))
    assert [place.outer.plain.name for place in there][:2] == ["add", "sqrt"]
    for place in there:
        assert place.inputs.tolist() == [1, 3]
        assert place.evaluator.n_inputs == 2
        assert sorted(factor.source for factor in place.factors) == [0, 2]
    target = (
        there[0].evaluator.y * there[0].evaluator.scaling.scale
        + there[0].evaluator.scaling.shift
    )
    np.testing.assert_allclose(target, 3 * inner(X))


def test_powers_that_the_vocabulary_lacks_stay() -> None:
    names = tuple(n for n in SCIENCE if n not in ("power", "shifted_power"))
    law: Law = lambda X: X[:, 0] ** 1.5 / X[:, 2] * inner(X)  # noqa: E731
    assert places(law(X))[0].inputs.tolist() == [1, 3]
    assert places(law(X), names)[0].inputs.tolist() == [0, 1, 3]


def test_a_law_with_factors_is_found() -> None:
    def law(X: np.ndarray) -> np.ndarray:
        near, far = X[:, 1], X[:, 2] + 4
        cosine = np.cos(X[:, 3])
        return 0.3 * X[:, 0] / np.sqrt(near**2 + far**2 - 2 * near * far * cosine)

    # One search in three misses it, and which one depends on rounding; the first that finds
    # it ends the restarts.
    settings = {"n_restarts": 6, "n_candidates": 60_000, "random_state": 0}
    model = DARTSRegressor(**settings).fit(X, law(X))
    wide = np.random.default_rng(1).uniform(0.8, 5.0, (100, 4))
    np.testing.assert_allclose(model.predict(wide), law(wide), rtol=1e-6)
