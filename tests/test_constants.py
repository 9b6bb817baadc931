"""Physical constants: laws contain them by name, and every form has their values."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest
import sympy
from matplotlib import pyplot as plt
from sklearn.base import clone

from autora.skl.darts import DARTSClassifier, DARTSRegressor, EquationsDisplay, FitDisplay
from autora.skl.darts.cli.main import main
from autora.skl.darts.persistence.fields import ModelFileError

pint = pytest.importorskip("pint")

#: CODATA 2018; all but epsilon_0 are exact.
C, H, K_B, G_0, EPSILON_0 = (
    299792458.0,
    6.62607015e-34,
    1.380649e-23,
    9.80665,
    8.8541878e-12,
)


def uniform(seed: int, *ranges: tuple[float, float], rows: int = 60) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(*ends, rows) for ends in ranges])


def fitted(
    X: Any, y: Any, units: Any, y_units: str, constants: Any, **parameters: Any
) -> DARTSRegressor:
    """A law with pure numbers and constants alone; the fit has nothing to warn of."""
    settings = {"dimensionless_constants_only": True, "random_state": 0} | parameters
    model = DARTSRegressor(constants=constants, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return model.fit(X, y, X_units=units, y_units=y_units)


def readings(model: DARTSRegressor, X: np.ndarray) -> dict[str, np.ndarray]:
    """What every form that is taken along says of the columns of X."""
    source: dict[str, Any] = {}
    exec(model.python(), source)
    columns = [sympy.Symbol(n, real=True) for n in model._labels("input_labels")]
    numbers = sympy.lambdify(columns, model.sympy(constants=False))
    short = sympy.lambdify(columns, model.sympy(simplify=True, constants=False))
    with jax.enable_x64(True):
        function, coefficients = model.jax()
        by_jax = np.asarray(function(coefficients, X))
    return {
        "python": source["predict"](*X.T),
        "sympy": numbers(*X.T) + np.zeros(len(X)),
        "simplified": short(*X.T) + np.zeros(len(X)),
        "jax": by_jax,
        "file": DARTSRegressor.from_json(model.to_json()).predict(X),
        "pickle": pickle.loads(pickle.dumps(model)).predict(X),
    }


def assert_readings_agree(model: DARTSRegressor, X: np.ndarray) -> None:
    for name, values in readings(model, X).items():
        np.testing.assert_allclose(values, model.predict(X), rtol=1e-9, err_msg=name)


#: Units of a mass and an energy, and how many of them 1 kg and 1 J are.
SIZES = [("kg", 1.0, "J", 1.0), ("g", 1e3, "J", 1.0), ("kg", 1.0, "kJ", 1e-3)]
SIZES += [("mg", 1e6, "MeV", 1 / 1.602176634e-13)]


@pytest.mark.parametrize("mass, masses, energy, energies", SIZES)
def test_energy_of_a_mass(mass: str, masses: float, energy: str, energies: float) -> None:
    """In units of any size no number is left in the law."""
    x = uniform(0, (1, 5))
    model = fitted(x * masses, x[:, 0] * C**2 * energies, [mass], energy, ("c",))
    assert model.sympy() == sympy.Symbol("c", real=True) ** 2 * sympy.Symbol(
        "x1", real=True
    )
    assert "c = 299792458 m/s" in model.model_repr()
    assert model.coefficients_.coefficient.tolist() == [pytest.approx(1)]
    assert model.constants_["c"] == pytest.approx(C * np.sqrt(energies / masses), rel=1e-12)
    assert_readings_agree(model, x * masses)


@pytest.mark.parametrize(
    "unit, y_unit, value", [("Hz", "J", H), ("THz", "eV", H / 1.602176634e-19 * 1e12)]
)
def test_energy_of_a_photon(unit: str, y_unit: str, value: float) -> None:
    x = uniform(1, (1e14, 1e15)) if unit == "Hz" else uniform(1, (100, 1000))
    model = fitted(x, value * x[:, 0], [unit], y_unit, ["h", "c", "k_B"])
    assert str(model.sympy()) == "h*x1"
    text = model.model_repr()
    assert "h = 6.62607015e-34 J·s" in text
    assert "c = " not in text and "k_B" not in text
    assert model.constants_["h"] == pytest.approx(value, rel=1e-12)
    assert_readings_agree(model, x)


def test_free_fall() -> None:
    x = uniform(2, (0.5, 4))
    model = fitted(x, 0.5 * G_0 * x[:, 0] ** 2, ["s"], "m", ["g"])
    assert str(model.sympy()) in ("g*x1**2/2", "0.5*g*x1**2")
    assert "g = 9.80665 m/s²" in model.model_repr()
    assert_readings_agree(model, x)


def test_forces_of_charges() -> None:
    x = uniform(3, (1, 3), (1, 3), (0.5, 2))
    y = x[:, 0] * x[:, 1] / (4 * np.pi * EPSILON_0 * x[:, 2] ** 2)
    own = {"eps": f"{EPSILON_0} F/m"}
    model = fitted(x, y, ["C", "C", "m"], "N", own)
    assert str(model.sympy().simplify()) == "x1*x2/(4*pi*eps*x3**2)"
    assert_readings_agree(model, x)


def test_a_group_of_constants_and_columns() -> None:
    """hf/kT is the only argument that an exponential can have here."""
    x = uniform(4, (1e13, 1e14), (300, 3000))
    y = H * x[:, 0] * np.exp(-H * x[:, 0] / (K_B * x[:, 1]))
    model = fitted(x, y, ["1/s", "K"], "J", ("h", "k_B"))
    assert_readings_agree(model, x)
    np.testing.assert_allclose(model.predict(x), y, rtol=1e-6)
    assert {"h", "k_B"} <= {str(symbol) for symbol in model.sympy().free_symbols}


def test_constants_of_units_that_no_column_has() -> None:
    """What columns lack is made up for by base units, which cancel in the law."""
    x = uniform(5, (1, 9))
    y = x[:, 0] * C * H * 1e-7  # x1 in 1/cm, y in 10^-9 J
    model = fitted(x, y * 1e18, ["1/mm"], "aJ", ("c", "h"))
    assert np.allclose(model.predict(x), y * 1e18, rtol=1e-9)
    factor = model.constants_["c"] * model.constants_["h"]
    assert factor == pytest.approx(C * H * 1e3 * 1e18)
    assert_readings_agree(model, x)


def test_wavelengths_in_nanometres() -> None:
    """The missing base unit is the one with which units are read best."""
    x = uniform(16, (200, 2000), (3000, 7000))
    h, c, k = H, C, K_B
    y = 2e36 * h * c**2 / x[:, 0] ** 5 * np.exp(-1e9 * h * c / (x[:, 0] * k * x[:, 1]))
    model = fitted(x, y, ["nm", "K"], "W/m**2/nm", ("h", "c", "k_B"))
    assert "c = 299792458 m/s = 2.99792458e+17 nm/s" in model.model_repr()
    np.testing.assert_allclose(model.predict(x), y, rtol=1e-6)
    assert_readings_agree(model, x)


def test_a_constant_that_is_not_used_is_not_shown() -> None:
    x = uniform(6, (1, 3), (1, 3))
    model = fitted(x, 2 * x[:, 0] / x[:, 1], ["m", "s"], "m/s", ("c", "k_B"))
    for text in (
        model.model_repr(), model.model_repr(output_format="latex"), model.python(),
        model.latex(), model.visualize_model().source,
    ):  # fmt: skip
        assert "299792458" not in text and "k_B" not in text and "Boltzmann" not in text
    assert str(model.sympy()) == "2*x1/x2"
    assert set(model.constants_) == {"c", "k_B"}


@pytest.fixture(scope="module")
def law() -> DARTSRegressor:
    X = pd.DataFrame(uniform(7, (1, 5)), columns=["m"])
    y = pd.Series(X["m"] * C**2 / 1000, name="E")
    return fitted(X, y, {"m": "g"}, "J", {"c": None, "mu": "1.2 kg"})


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_columns_stay_those_of_the_table(law: DARTSRegressor) -> None:
    assert law.n_features_in_ == 1 and law.feature_names_in_.tolist() == ["m"]
    assert law.predict(pd.DataFrame({"m": [2.0]})) == pytest.approx(2e-3 * C**2)
    with pytest.raises(ValueError, match="features"):
        law.predict(np.array([[1.0, C]]))
    with pytest.raises(ValueError, match="input_labels has 'c'"):
        law.model_repr(input_labels=["c"])
    assert "mass" in law.model_repr(input_labels=["mass"])


def test_text_and_latex(law: DARTSRegressor) -> None:
    assert law.model_repr().splitlines()[1:] == [
        "E = c**2*m",
        "Units: E in J, m in g",
        "c = 299792458 m/s = 9480269.92620367 J**0.5/g**0.5",
    ]
    assert r"c = \qty{299792458}{\meter\per\second}" in law.model_repr(
        output_format="latex"
    )
    assert law.latex() == "E = c^{2} m"
    assert "c = np.full(m.shape, 9480269.92620367)  # J**0.5/g**0.5" in law.python()
    assert law.equations_.equation.tolist()[-1] == "c**2*m"


def test_pictures(law: DARTSRegressor) -> None:
    X = pd.DataFrame({"m": np.linspace(1, 5, 20)})
    assert FitDisplay.from_estimator(law, X, law.predict(X)).kind == "curve"
    EquationsDisplay.from_estimator(law)
    plt.close("all")
    source = law.visualize_model().source
    assert r"c\nJ**0.5/g**0.5" in source and "mu" not in source


def test_files_and_pickles(law: DARTSRegressor) -> None:
    for copy in (
        DARTSRegressor.from_json(law.to_json()),
        pickle.loads(pickle.dumps(law)),
    ):
        assert copy.constants_ == law.constants_
        assert copy.constants == {"c": None, "mu": "1.2 kg"}
        assert copy.model_repr() == law.model_repr()
        assert copy.equations_.equals(law.equations_)
        assert copy.to_json() == law.to_json()
    assert clone(law).constants == {"c": None, "mu": "1.2 kg"}


@pytest.mark.parametrize(
    "value, said",
    [
        ([["c", 1.0, 1.0]], "must have 4 members"),
        ([["c", "nan", 1.0, ""]], "must be a finite number"),
        ([["c", 1.0, 1.0, "9**9**9"]], "must be a product of powers"),
        ([["m", 1.0, 1.0, ""]], "has a name twice, or that of an input"),
        ([["c", 1.0, 1.0, ""]], "must have"),
    ],
)
def test_bad_files(law: DARTSRegressor, value: Any, said: str) -> None:
    document = json.loads(law.to_json())
    document["physical_constants"] = value
    with pytest.raises(ModelFileError, match=said):
        DARTSRegressor.from_json(json.dumps(document))


def test_a_file_of_constants_has_units(law: DARTSRegressor) -> None:
    document = json.loads(law.to_json())
    del document["answers"]["units"]
    with pytest.raises(ModelFileError, match="lacks 'units'"):
        DARTSRegressor.from_json(json.dumps(document))


def test_theories_know_them(law: DARTSRegressor) -> None:
    X = pd.DataFrame(uniform(8, (1, 5)), columns=["m"])
    table = law.compare(["m*c**2", "k*m*c**2", "m*c"], X, law.predict(X)).set_index("name")
    assert table.constants["m*c**2"] == {} and [*table.constants["k*m*c**2"]] == ["k"]
    assert table.units_agree.to_dict() == {
        "found": True, "m*c**2": True, "k*m*c**2": True, "m*c": False,
    }  # fmt: skip
    assert table.loss["m*c**2"] < 1e-20 * table.loss["m*c"]


@pytest.mark.filterwarnings("ignore:the budget ended")
def test_guesses_and_single_equations_know_them() -> None:
    X, units = uniform(9, (1, 5)), {"X_units": ["kg"], "y_units": "kg*m**2/s**2"}
    y = X[:, 0] * C**2
    law = DARTSRegressor.from_equation("k*x1*c**2", constants=["c"], random_state=0)
    law.fit(X, y, **units)
    assert law.coefficients_.term.tolist() == ["k"]
    assert law.coefficients_.coefficient.tolist() == [pytest.approx(1)]
    assert law.coefficients_.unit.tolist() == [""]
    assert "c = 299792458 m/s" in law.model_repr()
    assert_readings_agree(law, X)
    model = DARTSRegressor(guesses=["x1*c**2"], constants=["c"], n_candidates=200)
    model.set_params(random_state=0, dimensionless_constants_only=True).fit(X, y, **units)
    assert model.guesses_.set_index("name").searched.all()


def test_coefficients_may_have_units_beside_constants() -> None:
    x = uniform(10, (0.5, 4))
    y = 3.0 * x[:, 0] + 2.0
    model = fitted(x, y, ["s"], "m", ["g"], dimensionless_constants_only=False)
    assert "m/s" in set(model.coefficients_.unit)
    np.testing.assert_allclose(model.predict(x), y)
    two = DARTSRegressor(constants=["g"], random_state=0, n_candidates=2000)
    two.fit(x, np.column_stack([y, x[:, 0] ** 2]), X_units=["s"], y_units=["m", "s**2"])
    assert two.predict(x).shape == (len(x), 2)
    assert two.equations_.units_agree.all()


VALUES = [
    ("2.5 km", 2500.0),
    (" 2.5e0 * km ", 2500.0),
    ("km", 1000.0),
    (pint.Quantity(2.5, "km"), 2500.0),
    (pint.Quantity(np.float32(2.5), "km"), 2500.0),
    (pint.UnitRegistry().Quantity(2, "yard"), 1.8288),
]


@pytest.mark.parametrize("value, metres", VALUES)
def test_values_of_ones_own(value: Any, metres: float) -> None:
    x = uniform(15, (1, 4))
    model = fitted(x, metres * x[:, 0], ["1/s"], "m/s", {"d": value})
    assert str(model.sympy()) == "d*x1"
    assert model.constants_ == {"d": pytest.approx(metres)}


@pytest.mark.parametrize("value", ["1.5", 1.5, np.float64(1.5), "150 percent"])
def test_pure_numbers_of_ones_own(value: Any) -> None:
    law = DARTSRegressor.from_equation("ratio*x1", constants={"ratio": value})
    law.fit([[1.0], [2.0], [3.0]], [1.5, 3.0, 4.5], X_units=["m"], y_units="m")
    assert law.constants_ == {"ratio": 1.5} and law.coefficients_.empty
    assert law.equations_.units_agree.all()


def test_a_quantity_is_no_part_of_a_file() -> None:
    law = DARTSRegressor.from_equation("d*x1", constants={"d": pint.Quantity(2, "m")})
    law.fit([[1.0], [2.0], [3.0]], [2.0, 4.0, 6.0], X_units=["1/s"], y_units="m/s")
    with pytest.warns(UserWarning, match="constants cannot be stored"):
        copy = DARTSRegressor.from_json(law.to_json())
    assert copy.constants is None and copy.constants_ == {"d": 2.0}
    assert copy.predict([[5.0]]) == pytest.approx(10.0)


def test_an_output_of_the_same_name() -> None:
    x = uniform(11, (0.5, 4))
    y = pd.Series(G_0 * x[:, 0], name="g")
    model = fitted(x, y, ["s"], "m/s", ["g"])
    assert "y = g*x1" in model.model_repr()


def test_the_next_fit_forgets_them() -> None:
    x = uniform(12, (1, 4))
    model = fitted(x, G_0 * x[:, 0], ["s"], "m/s", ["g"])
    model.set_params(constants=None, dimensionless_constants_only=False)
    model.fit(x, G_0 * x[:, 0])
    assert model.constants_ == {} and "g" not in str(model.sympy())
    assert "physical_constants" not in json.loads(model.to_json())


BAD = [
    ("c", TypeError, "must be a sequence of names"),
    (3.0, TypeError, "must be a sequence of names"),
    (["c", 3], TypeError, "names that are text"),
    (["c", "c"], ValueError, "names 'c' twice"),
    (["K_b"], ValueError, "did you mean 'k_B'"),
    (["speed_of_ligth"], ValueError, "did you mean 'speed_of_light'"),
    (["x1"], ValueError, "a column of X, too"),
    (["two words"], ValueError, "one word"),
    ({"mu": "1.2 foo"}, ValueError, "'mu' is not a unit: 'foo'"),
    ({"mu": "1.2 1.3"}, ValueError, "is not a unit"),
    ({"mu": "9**9**9**9**9"}, ValueError, "is not a unit"),
    ({"mu": "20 degC"}, ValueError, "does not begin at zero"),
    ({"mu": float("nan")}, ValueError, "must be finite and not zero, got nan"),
    ({"mu": "0 kg"}, ValueError, "must be finite and not zero, got 0.0"),
    ({"mu": "1e999 kg"}, ValueError, "must be finite"),
    ({"mu": True}, TypeError, "one real number"),
    ({"mu": 1j}, TypeError, "one real number"),
    ({"mu": [1.0, 2.0]}, TypeError, "one real number"),
    ({"mu": pint.Quantity([1.0, 2.0], "m")}, TypeError, "one real number"),
    ({f"k{i}": 1.0 for i in range(51)}, ValueError, "at most 50"),
]


@pytest.mark.parametrize("constants, error, said", BAD)
def test_bad_constants(constants: Any, error: type[Exception], said: str) -> None:
    X = uniform(13, (1, 4))
    model = DARTSRegressor(constants=constants)
    with pytest.raises(error, match=said):
        model.fit(X, X[:, 0], X_units=["s"], y_units="s")
    assert not hasattr(model, "n_features_in_")


def test_constants_need_units_and_the_open_search() -> None:
    X = uniform(14, (1, 4))
    with pytest.raises(ValueError, match=r"constants=\('c',\) needs to know the units"):
        DARTSRegressor(constants=["c"]).fit(X, X[:, 0])
    counted = DARTSRegressor(constants=["c"], num_graph_nodes=2)
    with pytest.raises(ValueError, match="num_graph_nodes=2"):
        counted.fit(X, X[:, 0], X_units=["s"], y_units="s")
    with pytest.raises(ValueError, match="name in constants the physical constant"):
        fitted(X, X[:, 0], ["kg"], "J", ["h"])
    with pytest.raises(TypeError, match="constants"):
        DARTSClassifier(constants=["c"])  # type: ignore[call-arg]


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame({"m": np.linspace(1, 5, 30)})
    table["E"] = 1.5 * table["m"] * G_0
    data, out = tmp_path / "data.csv", tmp_path / "out"
    table.to_csv(data, index=False)
    units = ["--units", "m=kg", "--y-units", "N", "--numbers-only", "-q"]
    fit = ["fit", str(data), "--target", "E", "--output", str(out)]
    assert main([*fit, *units, "--constants", "g,ratio=1.5"]) == 0
    assert "g = 9.80665 m/s²" in capsys.readouterr().out
    assert main(["show", str(out / "model.json"), "--sympy"]) == 0
    assert "g" in capsys.readouterr().out
    assert main(["predict", str(out / "model.json"), str(data)]) == 0
    assert capsys.readouterr().out.startswith("m,E,predicted_E")
    for options, said in (
        (["--constants", "g"], "--constants needs units"),
        ([*units, "--constants", "g,g"], "--constants names 'g' twice"),
        ([*units, "--constants", "q"], "--constants names 'q', which is no"),
        ([*units, "--constants", "q=1 foo"], "--constants of 'q' is not a unit"),
    ):
        assert main([*fit, *options]) == 2
        assert said in capsys.readouterr().err
