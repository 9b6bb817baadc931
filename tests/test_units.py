"""Units: equations agree in them, coefficients have theirs, and bad ones are refused.

The oracle is a change of the base units: every column, y and every coefficient is then
multiplied by what its own unit says, and a right equation still predicts.
"""

from __future__ import annotations

import re
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from autora.skl.darts import DARTSRegressor
from autora.skl.darts.fitting.derivatives import with_values
from autora.skl.darts.graph.dimensions import Dimensions
from autora.skl.darts.search.dimensionless_groups import groups_of
from autora.skl.darts.search.dimensions import coefficient_units

pint = pytest.importorskip("pint")

#: Sizes of new base units in old ones.
NEW = {"[length]": 0.37, "[time]": 11.0, "[mass]": 2.3}


def factor(unit: str) -> float:
    """How many times larger a number with this unit is in the new base units."""
    found = pint.get_application_registry().Unit(unit)
    sizes = [NEW[name] ** -power for name, power in found.dimensionality.items()]
    return float(np.prod(sizes))


def in_new_units(model: DARTSRegressor, X: np.ndarray, units: list[str]) -> np.ndarray:
    """What the model predicts where all is measured in the new base units."""
    places, known = [place for place, _, _ in model._errors], model._units
    # Their text has six digits of fitted exponents: too few where large terms cancel.
    exponents = coefficient_units(model.model_, known.dimensions, places)
    sizes = np.log([factor(unit) for unit in (*known.inputs, *known.outputs)])
    values = model.coefficients_.coefficient * np.exp(exponents @ sizes)
    moved = with_values(model.model_, places, values.to_numpy())
    return moved.predict(X * [factor(unit) for unit in units])[:, 0]


def assert_consistent(
    model: DARTSRegressor, X: np.ndarray, units: list[str], y: str
) -> None:
    """Every row of the table predicts the same in other units."""
    assert model.equations_.units_agree.all()
    for row in model.equations_.index:
        model.select_equation(row)
        there = in_new_units(model, X, units) / factor(y)
        here = model.model_.predict(X)[:, 0]
        finite = np.isfinite(here) & np.isfinite(there)
        np.testing.assert_allclose(there[finite], here[finite], rtol=1e-5, atol=1e-6)


def data(seed: int, rows: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.5, 3.0, (rows, 3))


UNITS = st.sampled_from(["m", "s", "", "m/s", "m**2", "kg", "kg*m/s**2", "1/s", "m**0.5"])


@settings(max_examples=20, deadline=None)
@given(st.lists(UNITS, min_size=3, max_size=3), UNITS, st.integers(0, 10**6))
def test_no_equation_contradicts_its_units(
    units: list[str], y_units: str, seed: int
) -> None:
    X = data(seed)
    y = X[:, 0] * np.exp(-X[:, 1]) + X[:, 2] ** 1.5 - np.sqrt(X[:, 0] * X[:, 2])
    model = DARTSRegressor(n_candidates=1500, random_state=seed)
    model.fit(X, y, X_units=units, y_units=y_units)
    assert_consistent(model, X, units, y_units)


@settings(max_examples=15, deadline=None)
@given(st.lists(UNITS, min_size=3, max_size=3), st.integers(0, 10**6))
def test_numbers_only(units: list[str], seed: int) -> None:
    X = data(seed)
    y = X[:, 0] * np.tanh(X[:, 1]) + 0.1 * X[:, 2]
    model = DARTSRegressor(
        n_candidates=1500, random_state=seed, dimensionless_constants_only=True
    )
    model.fit(X, y, X_units=units, y_units=units[0])
    assert set(model.coefficients_.unit) <= {""}
    assert_consistent(model, X, units, units[0])


@pytest.mark.parametrize("prefix, size", [("", 1.0), ("k", 1e3), ("m", 1e-3)])
def test_coefficients_follow_the_units_of_a_column(prefix: str, size: float) -> None:
    X = data(0)
    y = 2.0 * X[:, 0] * np.exp(-0.7 * X[:, 1])
    model = DARTSRegressor(random_state=0)
    model.fit(X / [size, 1, 1], y, X_units=[f"{prefix}m", "hour", "kg"], y_units="m")
    table = model.coefficients_.set_index("unit").coefficient
    slopes = {"1/h": -0.7, f"m/{prefix}m" if prefix else "": 2.0 * size}
    assert set(table.index) == set(slopes)
    for unit, value in slopes.items():
        assert table[unit] == pytest.approx(value)


#: Theories of x1 in m, x2 in s, x3 of an unknown unit and y in m, with the units of their
#: constants; None: they contradict.
THEORIES: dict[str, list[str] | None] = {
    "a*x1": [""],
    "x1": [],
    "a*x2 + b": ["m/s", "m"],
    "a*(x1 + v*x2)": ["", "m/s"],
    "k*log(x1/d)": ["m", "m"],
    "a*exp(-x2/t) + c*sin(w*x2 + p)": ["m", "s", "m", "1/s", ""],
    "a*2**(x2/h)": ["m", "s"],
    "a*x1**3": ["1/m²"],
    "a*abs(x2)**0.5": ["m/s**0.5"],
    "sqrt(a*x1 + x1**2)": ["m"],
    "a/(b + x1)": ["m²", "m"],
    "max(x1, c)": ["m"],
    "max(0, x1 - c)": ["m"],
    "relu(x1 - c) + reciprocal(square(x1)/a)": ["m", "m³"],
    "a*x3": ["[x3]^-1 m"],
    "a*b*x1": ["?", "?"],
    "a + x3*x1": ["m"],
    "x1 + x2": None,
    "x1 + 2": None,
    "a*(x1 + x2)": None,
    "k*log(x1) + c": None,
    "a*exp(x2)": None,
    "x1**2": None,
    "a*x1**x2": None,
    "a*x1**(b*x2)": None,
    "power(x1, 2)": None,
    "a*max(x1, x2)": None,
    "a*abs(x1 - 1)": None,
    "a*exp(x3) + x1*x3**2*log(x1*x3)": None,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("theory", THEORIES)
def test_units_of_theories(theory: str) -> None:
    """Constants with their units make a theory true in other units, too."""
    X, units = data(2), ["m", "s", None]
    y = X[:, 0] + 0.3 * X[:, 1]
    law = DARTSRegressor.from_equation(theory, random_state=0)
    law.fit(X, y, X_units=units, y_units="m")
    wanted, table = THEORIES[theory], law.coefficients_
    assert law.equations_.units_agree.tolist() == [wanted is not None]
    assert table.unit.tolist() == (["?"] * len(table) if wanted is None else wanted)
    if wanted is None or not {*"[?"}.isdisjoint("".join(wanted)):
        return
    constants = dict(zip(table.term, table.coefficient, strict=True))
    sizes = dict(zip(table.term, map(factor, wanted), strict=True))
    there = theory
    for name in constants:
        there = re.sub(rf"\b{name}\b", f"({constants[name] * sizes[name]!r})", there)
    moved = X * [factor("m"), factor("s"), 1.0]
    fixed = DARTSRegressor.from_equation(there).fit(moved, y)
    np.testing.assert_allclose(fixed.predict(moved), law.predict(X) * factor("m"))


@pytest.mark.filterwarnings("ignore")
def test_exponents_of_theories_count_as_fitted() -> None:
    X = data(3)
    for power in (2.0, 1.5):
        law = DARTSRegressor.from_equation("x1**b", random_state=0)
        law.fit(X, X[:, 0] ** power, X_units=["m", "s", "s"], y_units="m**2")
        assert law.equations_.units_agree.tolist() == [power == 2.0]


@pytest.mark.filterwarnings("ignore")
def test_theories_of_metres_and_kilometres() -> None:
    X = data(3)
    for theory, wanted in {"1000*x1 + x2": [], "a*x1 + x2": ["m/km"]}.items():
        law = DARTSRegressor.from_equation(theory, random_state=0)
        law.fit(X, 1000 * X[:, 0] + X[:, 1], X_units=["km", "m", None], y_units="m")
        assert law.equations_.units_agree.tolist() == [bool(wanted)]
        assert law.coefficients_.unit.tolist() == wanted


def test_an_equation_whose_units_contradict_is_fitted_with_a_warning() -> None:
    X = data(3)
    law = DARTSRegressor.from_equation("k*log(x1) + c", random_state=0)
    with pytest.warns(UserWarning, match=r"units of 'k\*log\(x1\) \+ c' do not agree"):
        law.fit(X, np.log(X[:, 0]), X_units=["m", "s", "s"], y_units="V")
    assert law.score(X, np.log(X[:, 0])) == pytest.approx(1)


@pytest.mark.filterwarnings("ignore:not used in this fit")
def test_theories_with_numbers_only() -> None:
    X, units = data(4), ["m", "s", "m/s"]
    for theory, agrees in {"a*x2*x3": True, "a*x1 + b": False}.items():
        law = DARTSRegressor.from_equation(theory, dimensionless_constants_only=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if not agrees else "error")
            law.fit(X, X[:, 1] * X[:, 2], X_units=units, y_units="m")
        assert law.equations_.units_agree.tolist() == [agrees]
        assert set(law.coefficients_.unit) == {"" if agrees else "?"}


@pytest.mark.filterwarnings("ignore:the budget ended")
def test_guesses_and_comparisons_say_whether_units_agree() -> None:
    X = data(5)
    y = 3 * X[:, 0] / (0.5 + X[:, 0])
    guesses = {"a*x1/(b + x1)": True, "x1 + x2": False}
    model = DARTSRegressor(guesses=[*guesses], n_candidates=500, random_state=0)
    with pytest.warns(UserWarning, match="'x1 . x2' .* not searched from: its units"):
        model.fit(X, y, X_units=["m", "s", None], y_units="V")
    table = model.guesses_.set_index("name")
    assert table.units_agree.to_dict() == guesses | {"found": True}
    assert table.searched.to_dict() == guesses | {"found": True}
    compared = model.compare([*guesses, "log(x1)"], X, y).set_index("name")
    assert compared.units_agree.to_dict() == guesses | {"found": True, "log(x1)": False}
    model.fit(X, y)
    assert "units_agree" not in model.guesses_
    assert "units_agree" not in model.compare([*guesses], X, y)


@pytest.mark.filterwarnings("ignore:the budget ended")
def test_a_guess_takes_part_in_a_search_among_groups() -> None:
    X = np.random.default_rng(7).uniform(0.5, 3.0, (60, 4))
    y = X[:, 0] * np.exp(-X[:, 1] / X[:, 2]) * np.tanh(X[:, 3] ** 2 / X[:, 0])
    guess = "a*x1*exp(-x2/x3)*tanh(x4**2/x1)"
    model = DARTSRegressor(
        dimensionless_constants_only=True, guesses=[guess], n_candidates=1, random_state=0
    )
    model.fit(X, y, X_units=["m", "s", "s", "m**0.5"], y_units="m")
    assert model.guesses_.set_index("name").loc[guess, ["units_agree", "searched"]].all()
    assert model.equations_.loss.min() < 1e-20


@pytest.mark.filterwarnings("ignore:the budget ended")
def test_a_guess_whose_graph_moves_its_constants_is_only_scored() -> None:
    X = data(6)
    y = 2 * np.log(X[:, 0] / 0.3)
    model = DARTSRegressor(guesses=["k*log(x1/d)"], n_candidates=500, random_state=0)
    with pytest.warns(UserWarning, match="its units agree, but not those of its graph"):
        model.fit(X, y, X_units=["m", "s", "s"], y_units="V")
    row = model.guesses_.set_index("name").loc["k*log(x1/d)"]
    assert row.units_agree and not row.searched


def test_metres_are_not_added_to_kilometres() -> None:
    X = data(1)
    y = 1000 * X[:, 0] + X[:, 1]
    model = DARTSRegressor(random_state=0).fit(X, y, X_units=["km", "m", None], y_units="m")
    assert set(model.coefficients_.unit) <= {"m/km", "km/m", ""}
    assert set(model.coefficients_.unit) != {""}
    assert model.score(X, y) == pytest.approx(1)


def test_a_law_with_numbers_only_is_found_through_its_units() -> None:
    rng = np.random.default_rng(0)
    m, v, u, g = rng.uniform(1, 3, (4, 200))
    clean = 0.5 * m * (v**2 + u**2)
    y = clean + 0.1 * clean.std() * rng.normal(size=200)
    units = ["kg", "m/s", "m/s", "m/s**2"]
    X = np.column_stack([m, v, u, g])
    model = DARTSRegressor(random_state=0, dimensionless_constants_only=True)
    model.fit(X, y, X_units=units, y_units="J")
    assert np.corrcoef(model.predict(X), clean)[0, 1] > 0.999
    assert model.equations_.units_agree.all()


@pytest.mark.parametrize("length, time", [("m", "s"), ("ft", "minute"), ("au", "day")])
def test_a_product_of_powers_follows_from_its_units(length: str, time: str) -> None:
    """The period of a pendulum: nothing but its factor is left to find."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 3.0, (60, 2))
    y = 2 * np.pi * np.sqrt(X[:, 0] / X[:, 1])
    model = DARTSRegressor(random_state=0, dimensionless_constants_only=True)
    model.fit(X, y, X_units=[length, f"{length}/{time}**2"], y_units=time)
    assert model.score(X, y) == pytest.approx(1)
    assert model.coefficients_.coefficient.tolist() == [pytest.approx(2 * np.pi)]


def test_unknown_units_stand_for_themselves() -> None:
    X = data(2)
    model = DARTSRegressor(random_state=0)
    model.fit(X, 3.0 * X[:, 1] + X[:, 0], X_units={"x1": "m"}, y_units="m")
    units = set(model.coefficients_.unit) - {""}
    assert units and units <= {"[x2]^-1 m", "[x2] 1/m"}


def test_units_from_names() -> None:
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(data(3), columns=["distance (m)", "time [s]", "mass (kg)"])
    y = pd.Series(X.iloc[:, 0] / X.iloc[:, 1], name="speed (m/s)")
    model = DARTSRegressor(random_state=0, dimensionless_constants_only=True)
    model.fit(X, y, X_units="from_names", y_units="from_names")
    assert model.score(X, y) == pytest.approx(1)
    assert_consistent(model, X.to_numpy(), ["m", "s", "kg"], "m/s")


def test_degrees_are_numbers_of_a_size() -> None:
    X = np.random.default_rng(0).uniform(0, 180, (80, 1))
    y = 2 * np.sin(np.radians(X[:, 0]))
    model = DARTSRegressor(random_state=0).fit(X, y, X_units=["degree"], y_units="m")
    table = model.coefficients_.set_index("unit").coefficient
    assert abs(table["1/deg"]) == pytest.approx(np.pi / 180)


def test_units_of_ones_own_registry() -> None:
    registry = pint.UnitRegistry()
    registry.define("euro = [currency]")
    X = data(4)
    units = [registry.Unit("euro/kg"), registry.kg, None]
    model = DARTSRegressor(random_state=0)
    model.fit(X, X[:, 0] * X[:, 1], X_units=units, y_units=registry.euro)
    assert model.equations_.units_agree.all() and model.score(X, X[:, 0] * X[:, 1]) > 0.999


@pytest.mark.parametrize(
    "X_units, y_units, said",
    [
        (["m", "s"], "m", "X_units needs a unit for each of the 3 columns"),
        (["m", "foo", "s"], "m", "X_units of 'x2' is not a unit: 'foo'"),
        (["m", "10 m", "s"], "m", "X_units of 'x2' is not a unit: '10 m'"),
        (["m", "(", "s"], "m", "X_units of 'x2' is not a unit"),
        (["m", "__import__('os').getcwd()", "s"], "m", "X_units of 'x2' is not a unit"),
        (["m", "m*" * 10**5, "s"], "m", "has 200000 characters"),
        (["m", "degC", "s"], "m", "does not begin at zero"),
        (["m", "dB", "s"], "m", "does not begin at zero"),
        ({"z": "m"}, "m", "X_units names 'z', which is not a column"),
        ("from_names", "m", "needs names of columns such as"),
        (["m", "s", "kg"], ["m", "m"], "y_units needs a unit for each of the 1 columns"),
    ],
)
def test_bad_units(X_units: Any, y_units: Any, said: str) -> None:
    model = DARTSRegressor()
    with pytest.raises(ValueError, match="unit") as error:
        model.fit(data(0), data(0)[:, 0], X_units=X_units, y_units=y_units)
    assert said in str(error.value)
    assert not hasattr(model, "model_")


@pytest.mark.parametrize("X_units", ["m", ["m", 3, "s"], ["m", b"s", "s"]])
def test_units_of_the_wrong_type(X_units: Any) -> None:
    with pytest.raises(TypeError, match="X_units"):
        DARTSRegressor().fit(data(0), data(0)[:, 0], X_units=X_units)


@pytest.mark.parametrize(
    "parameters, X_units, y_units, said",
    [
        ({"num_graph_nodes": 2}, ["m"] * 3, "m", "num_graph_nodes=2"),
        ({"output_type": "probability"}, ["m"] * 3, "m", "pure numbers"),
        ({"dimensionless_constants_only": True}, None, None, "give X_units and y_units"),
        ({"dimensionless_constants_only": True}, ["s"] * 3, "kg", "cannot be made of"),
        ({"dimensionless_constants_only": True}, ["km", "s", "s"], "m", "convert columns"),
    ],
)
def test_units_that_do_not_apply(
    parameters: dict[str, Any], X_units: Any, y_units: Any, said: str
) -> None:
    X = data(0) / 10
    with pytest.raises(ValueError, match=r"unit|number") as error:
        DARTSRegressor(**parameters).fit(X, X[:, 0], X_units=X_units, y_units=y_units)
    assert said in str(error.value)


def test_without_pint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pint", None)
    with pytest.raises(ImportError, match=r"autora-skl-darts\[units\]"):
        DARTSRegressor().fit(data(0), data(0)[:, 0], X_units=["m", "s", "kg"])


def test_a_failed_fit_keeps_the_earlier_one() -> None:
    X = data(0)
    model = DARTSRegressor(n_candidates=300, random_state=0)
    model.fit(X, X[:, 0] * X[:, 1], X_units=["m", "s", "kg"], y_units="m*s")
    before = model.coefficients_
    with pytest.raises(ValueError, match="is not a unit"):
        model.fit(X, X[:, 0], X_units=["m", "nothing", "kg"])
    assert model.coefficients_.equals(before)
    model.fit(X, X[:, 0])
    assert "unit" not in model.coefficients_ and "units_agree" not in model.equations_


def test_groups_have_no_dimension() -> None:
    """Of the drag on a sphere: force, density, speed, size and viscosity."""
    units = np.array([[-3.0, 0, 1], [1, -1, 0], [1, 0, 0], [-1, -1, 1]])
    found = groups_of(Dimensions(units, np.array([[1.0, -2, 1]])), np.ones(4, bool))
    assert found
    for groups in found:
        assert np.allclose(groups.powers @ units, 0)
        assert np.allclose(groups.scale @ units, [1, -2, 1])
    reynolds = np.array([1.0, 1, 1, -1])
    assert any(np.allclose(abs(row), reynolds) or np.allclose(row, -reynolds)
               for groups in found for row in groups.powers)  # fmt: skip
