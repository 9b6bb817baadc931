"""Units around the search: model files, text, pictures, the command line, tables."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from autora.skl.darts import DARTSClassifier, DARTSRegressor, ResidualDisplay
from autora.skl.darts.cli.main import main
from autora.skl.darts.persistence.fields import ModelFileError

pint = pytest.importorskip("pint")


def decay() -> tuple[pd.DataFrame, pd.Series]:
    """A length that decays with time, beside a mass that has no part in it."""
    x = np.random.default_rng(0).uniform(0.5, 3.0, (60, 3))
    X = pd.DataFrame(x, columns=["length", "time", "mass"])
    return X, pd.Series(2.0 * x[:, 0] * np.exp(-0.7 * x[:, 1]), name="rest")


UNITS = {"length": "m", "time": "hour"}


@pytest.fixture(scope="module")
def model() -> DARTSRegressor:
    X, y = decay()
    return DARTSRegressor(random_state=0).fit(X, y, X_units=UNITS, y_units="m")


@pytest.fixture(scope="module")
def law() -> DARTSRegressor:
    X, y = decay()
    law = DARTSRegressor.from_equation("Decay: a*length*exp(-time/t)", random_state=0)
    return law.fit(X, y, X_units=UNITS, y_units="m")


# Model files


@pytest.mark.parametrize("kind", ["model", "law"])
def test_files_and_pickles_keep_units(kind: str, request: pytest.FixtureRequest) -> None:
    fitted = request.getfixturevalue(kind)
    for copy in (
        DARTSRegressor.from_json(fitted.to_json()),
        pickle.loads(pickle.dumps(fitted)),
    ):
        assert copy.coefficients_.unit.tolist() == fitted.coefficients_.unit.tolist()
        assert "h" in "".join(copy.coefficients_.unit)
        assert copy.equations_.equals(fitted.equations_)
        assert copy.equations_.units_agree.all()
        assert copy.to_json() == fitted.to_json()


def test_files_keep_what_is_known_of_the_search() -> None:
    X = np.random.default_rng(0).uniform(0.5, 3.0, (60, 2))
    y = 2 * np.pi * np.sqrt(X[:, 0] / X[:, 1])
    model = DARTSRegressor(random_state=0, dimensionless_constants_only=True)
    model.fit(X, y, X_units=["m", "m/s**2"], y_units="s")
    copy = DARTSRegressor.from_json(model.to_json())
    assert set(copy.coefficients_.unit) == {""}
    compared = copy.compare(["a*sqrt(x1/x2)", "a*x1"], X, y).set_index("name")
    agree = {"found": True, "a*sqrt(x1/x2)": True, "a*x1": False}
    assert compared.units_agree.to_dict() == agree


def test_a_file_without_units_has_none(model: DARTSRegressor) -> None:
    document = json.loads(model.to_json())
    del document["answers"]["units"]
    copy = DARTSRegressor.from_json(json.dumps(document))
    assert "unit" not in copy.coefficients_
    assert copy.equations_.equals(model.equations_.drop(columns="units_agree"))


def test_without_pint_units_have_their_names_in_full(
    model: DARTSRegressor, law: DARTSRegressor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pint", None)
    copy = DARTSRegressor.from_json(model.to_json())
    assert set(copy.coefficients_.unit) == {"", "1/hour"}
    assert "time in hour" in copy.model_repr()
    copy = DARTSRegressor.from_json(law.to_json())
    assert copy.coefficients_.unit.tolist() == ["", "hour"]


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("inputs", ["meter", "hour"], "must have 3 members"),
        ("inputs", ["meter", None, None], "must be null where the unit is null"),
        ("inputs", ["meter", "hour; print()", None], "must be a product of powers"),
        ("inputs", ["meter", "9**9**9**9", None], "must be a product of powers"),
        ("outputs", [3], "must be a text"),
        ("input_exponents", [[1, 0], [0, 1], None], "the same number of exponents"),
        ("input_exponents", [[], [], None], "must have 1 to 100 members"),
        ("output_exponents", [[1, 0, 1e300]], "exponents up to"),
        ("numbers_only", 1, "must be true or false"),
    ],
)
def test_bad_files(model: DARTSRegressor, name: str, value: Any, said: str) -> None:
    document = json.loads(model.to_json())
    document["answers"]["units"][name] = value
    with pytest.raises(ModelFileError, match=r"answers\.units") as error:
        DARTSRegressor.from_json(json.dumps(document))
    assert said in str(error.value)


@pytest.mark.parametrize(
    "theory, said", [("a*", "the equation"), ("a*b*length", "has the constants")]
)
def test_bad_theories_in_files(law: DARTSRegressor, theory: str, said: str) -> None:
    document = json.loads(law.to_json())
    document["answers"]["theory"] = theory
    with pytest.raises(ModelFileError, match=said):
        DARTSRegressor.from_json(json.dumps(document))


# Text


def test_equations_say_units(model: DARTSRegressor) -> None:
    assert model.model_repr().splitlines() == [
        "Model:",
        "rest = 2*length*exp(-0.7*time)",
        "Units: rest in m, length in m, time in h",
        "slope of scaled_exp(time) in k_1 = -0.7 1/h",
    ]
    renamed = model.model_repr(["l", "t", "m"], ["r"], output_format="latex").splitlines()
    assert renamed[2:] == [
        r"\text{Units: } r \text{ in } \unit{\meter}, l \text{ in } \unit{\meter}, "
        r"t \text{ in } \unit{\hour}",
        r"\text{slope of scaled}\_\text{exp(t) in k}\_\text{1} = \qty{-0.7}{\per\hour}",
    ]
    assert json.loads(model.to_json())["equation"] == model.model_repr().splitlines()[1:]


def test_constants_of_an_equation_say_units(law: DARTSRegressor) -> None:
    assert law.model_repr(decimals_to_display=1).splitlines()[2:] == [
        "Units: rest in m, length in m, time in h",
        "t = 1.4 h",
    ]


def test_columns_without_a_unit_in_text() -> None:
    X, _ = decay()
    law = DARTSRegressor.from_equation("a*length*time + b*mass", random_state=0)
    y = 3 * X["length"] * X["time"] + 0.25 * X["mass"]
    law.fit(X, y, X_units=["m", "", None], y_units="delta_degC*m**0.5")
    assert law.model_repr().splitlines()[2:] == [
        "Units: y in Δ°C*m**0.5, length in m, time a number, mass in [mass]",
        "a = 3 Δ°C/m**0.5",
        "b = 0.25 [mass]^-1 Δ°C*m**0.5",
    ]
    latex = law.model_repr(output_format="latex").splitlines()
    assert latex[3] == r"a = \qty{3}{\degreeCelsius\per\meter\tothe{0.500}}"
    assert latex[4].startswith(r"b = \qty{0.25}{[\text{mass}]^{-1}.")


def test_units_of_a_registry_of_ones_own_are_spelled_out() -> None:
    registry = pint.UnitRegistry()
    registry.define("doubloon = [treasure]")
    X, _ = decay()
    law = DARTSRegressor.from_equation("a*length + b", random_state=0)
    units = [registry.Unit("doubloon/kg"), None, None]
    law.fit(X, 3 * X["length"] + 2, X_units=units, y_units=registry.doubloon)
    assert law.coefficients_.unit.tolist() == ["kg", "doubloon"]
    assert "length in doubloon/kilogram" in law.model_repr()
    assert r"\unit{\text{doubloon}}" in law.model_repr(output_format="latex")


def test_nothing_is_said_without_units() -> None:
    X, y = decay()
    law = DARTSRegressor.from_equation("a*length*exp(-time/t)", random_state=0).fit(X, y)
    assert len(law.model_repr().splitlines()) == 2
    assert "units" not in json.loads(law.to_json())["answers"]


# Pictures


def test_pictures_show_units_under_names_and_coefficients(model: DARTSRegressor) -> None:
    source = model.visualize_model(["l", "t", "m <g>"], ["r\\n"]).source
    assert r'input0 [label="l\nm"' in source
    assert r'input1 [label="t\nh"' in source
    assert 'input2 [label="m <g>"' in source
    assert r'output0 [label="r\\n\nm"' in source
    assert r'input1 -> node0 [label="exp(−0.7·t)\n1/h"]' in source
    assert "[label=l]" in source.split("input0 -> node0")[1].splitlines()[0]


def test_pictures_say_which_coefficient_of_an_arrow_has_the_unit() -> None:
    X, _ = decay()
    law = DARTSRegressor.from_equation("a*sin(w*time + p) + b", random_state=0)
    law.fit(X, 2 * np.sin(1.5 * X["time"] + 0.4) + 3, X_units=UNITS, y_units="V")
    source = law.visualize_model().source
    assert r"\nslope 1/h" in source and r"·k₁\nV" in source
    assert r'label="y\nV\n+ 3"' in source
    law = DARTSRegressor.from_equation("exp(length)", random_state=0)
    with pytest.warns(UserWarning, match="do not agree"):
        law.fit(X, np.exp(X["length"]), X_units=UNITS, y_units="s")
    assert r'label="exp(length)"' in law.visualize_model().source


# The command line

FEW = ["--primitives", "none", "add", "mult", "scaled_exp"]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.chdir(tmp_path)
    X, y = decay()
    found = X.assign(rest=y)
    found.to_csv("decay.csv", index=False)
    return found


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    """The one line on standard error of a command that is refused."""
    assert main(list(arguments)) == code
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1, err
    return err


FIT = ["fit", "decay.csv", "--target", "rest"]


def test_units_on_the_command_line(
    table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*FEW, "--units", "length=m, time=hour", "--units=mass=kg", "--y-units", "m"]
    assert main([*FIT, *options]) == 0
    assert "Units: rest in m, length in m, time in h" in capsys.readouterr().out
    model = DARTSRegressor.load("decay-darts/model.json")
    assert "1/h" in set(model.coefficients_.unit)
    assert main(["show", "decay-darts/model.json"]) == 0
    assert "= -0.7 1/h" in capsys.readouterr().out


def test_units_from_names_and_numbers_only(
    table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"length": "s, b=a (m)", "time": "t (s)"}
    table = table.rename(columns=names).drop(columns="mass")
    table["rest"] = table["s, b=a (m)"] / table["t (s)"]
    table.to_csv("decay.csv", index=False)
    options = ["--units", "from_names", "--y-units", "m/s", "--numbers-only", *FEW[:3]]
    assert main([*FIT, *options, "reciprocal"]) == 0
    out = capsys.readouterr().out
    assert "Units: rest in m/s, `s, b=a (m)` in m" in out and "k_1 = " not in out
    options = ["--units", "s, b=a (m)=m", "--units", "t (s)=s"]
    assert main([*FIT, *options, *FEW, "-q"]) == 0
    assert "`s, b=a (m)` in m" in capsys.readouterr().out


def test_comparisons_on_the_command_line_say_whether_units_agree(
    table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--units", "length=m,time=hour", "--y-units", "m", *FEW]
    theories = ["--theory", "a*length*exp(-time/t)", "--theory", "length + time"]
    arguments = ["compare", "decay.csv", "--target", "rest", *theories]
    assert main([*arguments, *options]) == 0
    out = capsys.readouterr().out
    assert out.count("its units do not agree") == 1
    assert "length + time\n    = length + time\n    its units do not agree" in out
    assert main([*FIT, *FEW, "-q"]) == 0
    capsys.readouterr()
    known = ["--model", "decay-darts/model.json", "--y-units", "m"]
    assert "--model has the units" in refused(capsys, *arguments, *known)


@pytest.mark.parametrize(
    "options, said",
    [
        (["--units", "length"], "--units must be written as NAME=UNIT"),
        (["--units", "size=m"], "--units: there is no column 'size'"),
        (["--units", "length=m", "--units", "length=s"], "'length' two units"),
        (["--units", "length=foo"], "--units of 'length' is not a unit: 'foo'"),
        (["--units", "from_names"], "--units='from_names' needs names of columns"),
        (["--units", "time=degC"], "--units of 'time': the unit degree_Celsius does not"),
        (["--y-units", "x y z"], "--y-units of 'rest' is not a unit"),
        (["--units", "length=m", "--nodes", "2"], "--units needs the automatic search"),
        (["--y-units", "m", "--classify"], "--y-units cannot be combined with --classify"),
        (["--numbers-only"], "--numbers-only needs units"),
        (
            ["--numbers-only", "--y-units", "A", "--units", "length=m,time=s,mass=kg"],
            "pure numbers only; leave out --numbers-only, add the column",
        ),
    ],
)
def test_bad_units_on_the_command_line(
    table: pd.DataFrame,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    said: str,
) -> None:
    assert said in refused(capsys, *FIT, *options)


def test_the_command_line_without_pint(
    table: pd.DataFrame,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pint", None)
    assert "--units: units need the package pint" in refused(
        capsys, *FIT, "--units", "length=m"
    )


# Columns that bring their unit along


def quantities(**units: str) -> tuple[pd.DataFrame, pd.Series]:
    """The decay, with columns in units of pint-pandas."""
    pytest.importorskip("pint_pandas")
    X, y = decay()
    for name, unit in units.items():
        X[name] = X[name].astype(f"pint[{unit}]")
    return X, y.astype("pint[m]")


def test_columns_bring_their_units_along(model: DARTSRegressor) -> None:
    X, y = quantities(length="m", time="hour")
    found = DARTSRegressor(random_state=0).fit(X, y)
    assert found.model_repr() == model.model_repr()
    assert found.coefficients_.equals(model.coefficients_)
    assert found.feature_names_in_.tolist() == list(X)
    plain, target = decay()
    assert np.array_equal(found.predict(X), model.predict(plain))
    assert np.array_equal(found.predict(plain), model.predict(plain))
    elsewhere = X.assign(length=X["length"].pint.to("km"), time=X["time"].pint.to("second"))
    np.testing.assert_allclose(found.predict(elsewhere), model.predict(plain))
    assert found.score(elsewhere, y.pint.to("km")) == pytest.approx(1)
    assert found.score(plain, target) == pytest.approx(1)
    table = found.compare(["a*length"], elsewhere, y.pint.to("mm")).set_index("name")
    assert table.loc["found", "loss"] < 1e-20
    display = ResidualDisplay.from_estimator(found, elsewhere, y.pint.to("km"))
    plt.close(display.figure_)
    assert max(abs(values).max() for values in display.residuals.T) < 1e-9


@pytest.mark.filterwarnings("ignore:the budget ended")
def test_errors_of_y_bring_their_unit_along() -> None:
    X, y = quantities(length="m", time="hour")
    found = []
    for unit, error in {"m": 0.1, "cm": 10.0}.items():
        errors = pd.Series(np.full(len(y), error), dtype=f"pint[{unit}]")
        model = DARTSRegressor(n_candidates=300, random_state=0)
        found.append(model.fit(X, y, y_error=errors).noise_floor_)
    assert found == [pytest.approx(0.1)] * 2


@pytest.mark.parametrize(
    "units, said",
    [
        ({"length": "s"}, "'length' of X is in second, which cannot be converted to meter"),
        ({"mass": "kg"}, "'mass' of X is in kilogram, but the fit knew no unit of it"),
    ],
)
def test_columns_in_units_that_cannot_be(
    model: DARTSRegressor, units: dict[str, str], said: str
) -> None:
    X, _ = quantities(**units)
    with pytest.raises(ValueError, match=r"plain numbers|give it in that") as error:
        model.predict(X)
    assert said in str(error.value)


def test_units_are_given_once() -> None:
    X, y = quantities(length="m")
    with pytest.raises(ValueError, match=r"X_units=.* leave X_units out"):
        DARTSRegressor().fit(X, y, X_units=UNITS)
    with pytest.raises(ValueError, match=r"y_units='m'.* leave y_units out"):
        DARTSRegressor().fit(X, y, y_units="m")
    with pytest.raises(ValueError, match="'length' of X is in meter, but DARTSClassifier"):
        DARTSClassifier().fit(X, np.arange(len(X)) % 2)
    with pytest.raises(ValueError, match="X_units of 'time': the unit degree_Celsius"):
        DARTSRegressor().fit(quantities(time="degC")[0], y)


@pytest.mark.filterwarnings("ignore:the budget ended")
def test_columns_of_polars_take_units() -> None:
    pl = pytest.importorskip("polars")
    X, y = decay()
    model = DARTSRegressor(n_candidates=300, random_state=0)
    frame = pl.DataFrame({name: X[name].to_numpy() for name in X})
    model.fit(frame, y.to_numpy(), X_units=UNITS, y_units="m")
    assert "length in m" in model.model_repr() or "time in h" in model.model_repr()
    assert np.isfinite(model.predict(frame)).all()
