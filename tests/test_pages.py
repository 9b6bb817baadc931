"""A report to send and a page to play with, and the JavaScript that the page runs."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, r2_score, root_mean_squared_error

from autora.skl.darts import (
    DARTSClassifier,
    DARTSRegressor,
    write_explorer,
    write_report,
)
from autora.skl.darts.cli.main import main
from autora.skl.darts.equations.javascript_source import function_javascript
from autora.skl.darts.equations.mathml import mathml
from autora.skl.darts.equations.printing import latex_name
from autora.skl.darts.fitting.coefficients import places
from autora.skl.darts.graph.effects import Place
from autora.skl.darts.graph.model import Model
from autora.skl.darts.pages.html import inline_svg
from javascript import context_of, in_javascript
from test_exports import NAMES, OUTPUTS, X, compare, random_model

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
#: Names that something could take for markup, a script or a formula.
SCRIPT, QUOTES = "<script>alert(1)</script>", "</script>\"'`% é &lt; ${1}"
TARGET = "<img src=x onerror=alert(2)>"


class Case(NamedTuple):
    """A fitted estimator and its rows."""

    model: Any
    X: Any
    y: Any
    groups: Any = None


class _All:
    """What a fit was asked: everything is a coefficient."""

    train_readout = train_bias = True


@pytest.fixture(scope="module")
def numbers() -> Case:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.uniform(0.5, 3, (60, 2)), columns=[SCRIPT, QUOTES])
    y = 2 * X[SCRIPT] / X[QUOTES] + 1 + 0.05 * rng.normal(size=60)
    model = DARTSRegressor(n_candidates=1000, random_state=0).fit(X, y.rename(TARGET))
    return Case(model, X, y.rename(TARGET))


@pytest.fixture(scope="module")
def classes() -> Case:
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (60, 1))
    noisy = X[:, 0] + 0.2 * rng.normal(size=60)
    y = np.digitize(noisy, [-0.3, 0.4])
    return Case(DARTSClassifier(n_candidates=300, random_state=0).fit(X, y), X, y)


@pytest.fixture(scope="module")
def study() -> Case:
    rng = np.random.default_rng(2)
    X, groups = rng.uniform(1, 3, (40, 1)), np.repeat([*"abcde"], 8)
    y = np.repeat([1, 2, 3, 5, 8], 8) * X[:, 0] + 0.05 * rng.normal(size=40)
    model = DARTSRegressor(primitives=["add", "mult"], n_candidates=500, random_state=0)
    return Case(model.fit(X, y, groups=groups), X, y, groups)


# JavaScript


def values_at(model: Model, where: list[Place]) -> list[float]:
    return [float(getattr(model, place.kind)[place.at]) for place in where]


def by_javascript(model: Model, x: np.ndarray, free: bool = True) -> Any:
    """Predictions, shaped as `compare` wants them."""
    where = places(model, _All) if free else []
    source = function_javascript(model, where, {})
    found = in_javascript(source, x, values_at(model, where))
    return found[:, 0] if found.shape[1] == 1 else found


@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_javascript_is_the_prediction(name: str, free: bool) -> None:
    compared = 0
    for seed in range(3):
        model = random_model(seed, (name,)).replace(origin=[0.1, 0.0])
        compared += compare(by_javascript(model, X, free), model, 1e-9)
    assert compared > 30


@pytest.mark.parametrize("objective, n_outputs", OUTPUTS)
def test_javascript_of_every_output_type(objective: str, n_outputs: int) -> None:
    model = random_model(1, ("sin", "linear"), n_outputs, objective)
    assert compare(by_javascript(model, X), model, 1e-9) == 40 * n_outputs


@pytest.mark.parametrize("exponent", [3.0, -3.0, 2.0, -2.0, 2.5])
def test_powers_of_negative_numbers(exponent: float) -> None:
    model = random_model(0, ("power",))
    power = model.space.names.index("power")
    edge = np.zeros_like(model.edge)
    edge[0, 0] = exponent
    model = model.replace(
        architecture=np.where(np.arange(model.space.n_edges) == 0, power, -1),
        edge=edge,
        readout=np.array([[1.0], [0], [0]]),
        aggregation=[0, 0, 0],
    )
    x = np.linspace(-2, 2, 8).reshape(4, 2)
    assert compare(by_javascript(model, x, free=False), model, 1e-12, x) == 4


def test_constants_are_no_inputs() -> None:
    model = random_model(1, ("square",))
    found = in_javascript(function_javascript(model, [], {1: 0.7}), X[:, :1])
    compare(found[:, 0], model, 1e-12, np.column_stack([X[:, 0], np.full(40, 0.7)]))


# What stands in a page


class Seen(HTMLParser):
    """Tags, attributes and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._in_script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        (self.scripts if self._in_script else self.texts).append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).replace("\xa0", " ").split())

    @property
    def policy(self) -> str:
        [found] = [a["content"] for _, a in self.tags if "http-equiv" in a]
        return found


def is_closed(page: str) -> Seen:
    """The page loads and sends nothing, and runs nothing but its own script."""
    seen = Seen(page)
    for tag, attributes in seen.tags:
        assert tag not in ("img", "iframe", "link", "object", "embed", "base", "a")
        assert not [name for name in attributes if name.startswith("on")]
        for name, value in attributes.items():
            if name.endswith(("src", "href")):
                assert value.startswith(("#", "data:image/png;base64,"))
    assert not re.search(r"url\(\s*['\"]?(?!#)|@import", page)
    assert seen.policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in seen.policy
    return seen


def r2_shown(text: str) -> float:
    """R² as a page writes it: 0.98, or what it lacks to 1."""
    found = re.search(r"R² (?:(1) − )?(\d[\d.e−-]*\d)", text)
    assert found
    number = float(found[2].replace("−", "-"))
    return 1 - number if found[1] else number


def report_of(case: Case, path: Path, **further: Any) -> tuple[str, Seen]:
    write_report(case.model, path, case.X, case.y, groups=case.groups, **further)
    page = path.read_text("utf-8")
    seen = is_closed(page)
    assert not seen.scripts
    assert len(page) < 1_000_000
    return page, seen


def test_a_report(numbers: Case, tmp_path: Path) -> None:
    command = f"autora-darts fit a.csv --target '{TARGET}' --report r.html"
    said = ["the fit <b>says</b> this"]
    page, seen = report_of(
        numbers, tmp_path / "r.html", command=command, warnings_of_fit=said
    )
    model, text = numbers.model, seen.text
    for wanted in (SCRIPT, QUOTES, TARGET, command, *said, f"numpy {np.__version__}"):
        assert " ".join(wanted.split()) in text
    assert model.model_repr().removeprefix("Model:\n") in text
    assert "DARTSRegressor(n_candidates=1000, random_state=0)" in text
    score = model.score(numbers.X, numbers.y)
    assert r2_shown(text) == pytest.approx(score, abs=1e-4)
    for value, error in model.coefficients_[["coefficient", "standard_error"]].to_numpy():
        assert f"{value:.6g}" in text and (error == 0 or f"{error:.2g}" in text)
    assert len(re.findall(r"<svg", page)) == 3
    [chosen] = re.findall(r'<tr class="chosen">.*?</tr>', page, re.S)
    assert html.unescape(chosen).count(model.equations_.loc[model.selected_, "equation"])
    assert "could not be drawn" not in text


def test_a_report_without_data(numbers: Case, tmp_path: Path) -> None:
    page, seen = report_of(numbers._replace(X=None, y=None), tmp_path / "r.html")
    assert "without data" in seen.text and "is not known" in seen.text
    assert page.count("<svg") == 1


def test_reports_of_classes_and_groups(classes: Case, study: Case, tmp_path: Path) -> None:
    _, seen = report_of(classes, tmp_path / "r.html", warnings_of_fit=[])
    accuracy = classes.model.score(classes.X, classes.y)
    loss = log_loss(classes.y, classes.model.predict_proba(classes.X))
    assert f"accuracy {accuracy:.4g}" in seen.text
    assert f"logarithmic loss {loss:.4g}" in seen.text
    assert "The fit gave no warning." in seen.text
    _, seen = report_of(study, tmp_path / "r.html")
    assert "Coefficients of the groups" in seen.text


def test_warnings_of_the_rows_are_told(numbers: Case, tmp_path: Path) -> None:
    """The rows of a report need not be those of the fit."""
    other = numbers.X.copy()
    other.iloc[0] = 0.0
    _, seen = report_of(numbers._replace(X=other), tmp_path / "r.html")
    assert "the equation has no finite value on 1 of 60 rows" in seen.text


@pytest.mark.parametrize("write", [write_report, write_explorer])
def test_bad_arguments_of_pages(write: Any, numbers: Case, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    with pytest.raises(ValueError, match="X is given without y"):
        write(numbers.model, path, numbers.X)
    with pytest.raises(TypeError, match="must be a DARTS estimator"):
        write(42, path)
    assert not path.exists()


def test_pictures_are_cleaned() -> None:
    found = inline_svg(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:l="http://www.w3.org/1999/xlink" '
        'width="72pt" onload="a()"><script>a()</script><style>* {color: red}</style>'
        '<foreignObject/><g id="b" clip-path="url(#c)" fill="url(http://d)">'
        '<use l:href="#b"/><image l:href="http://e"/><text>&lt;b&gt;</text></g></svg>',
        "one",
    )
    assert not re.search(r"script|style>|foreign|onload|http://[de]", found)
    assert 'id="one-b"' in found and "url(#one-c)" in found and 'href="#one-b"' in found
    assert "&lt;b&gt;" in found


@pytest.mark.parametrize("name", [SCRIPT, QUOTES, TARGET, "</math>", "a_b", "x[0] (%)", ""])
def test_names_in_formulas_are_text(name: str) -> None:
    seen = Seen(mathml(latex_name(name), name))
    kinds = {"math", "mrow", "mi", "mo", "mn", "mtext", "msub", "mspace"}
    assert {tag for tag, _ in seen.tags} <= kinds
    shown = "".join(seen.texts).replace("\xa0", " ")
    assert shown == (name if name != "a_b" else "ab")


# The page to play with


class Page:
    """A page, and what its script computes."""

    def __init__(self, case: Case, path: Path) -> None:
        write_explorer(case.model, path, case.X, case.y, groups=case.groups)
        self.text = path.read_text("utf-8")
        seen = is_closed(self.text)
        data, self.script = seen.scripts
        digest = base64.b64encode(hashlib.sha256(self.script.encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}';" in seen.policy
        self.data = json.loads(data)
        assert len(self.text) < 1_000_000
        computing = self.script.split("// The page itself")[0]
        self._context = context_of(f"{computing}\nconst PAGE = {data};")

    def __call__(self, expression: str) -> Any:
        return json.loads(self._context.eval(f"JSON.stringify({expression})"))

    def outputs(self, row: int, group: int = -1) -> np.ndarray:
        """Of all rows of the data, with the coefficients of a group."""
        found = self(
            f"PAGE.data.x.map((x) => EQUATIONS[{row}](x, "
            f"coefficientsOf(PAGE.rows[{row}], {group})))"
        )
        return np.array(found, dtype=float)


@pytest.fixture(scope="module")
def page(numbers: Case, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page(numbers, tmp_path_factory.mktemp("page") / "page.html")


def rows_of(case: Case, page: Page) -> list[tuple[int, Any]]:
    """Numbers of a page's rows, and estimators made by `select_equation`."""
    text = case.model.to_json()
    kind = type(case.model)
    labels = [row["label"] for row in page.data["rows"]]
    return [(i, kind.from_json(text).select_equation(n)) for i, n in enumerate(labels)]


def test_every_row_of_the_page_is_the_prediction(numbers: Case, page: Page) -> None:
    found = rows_of(numbers, page)
    assert len(found) >= 5
    for i, model in found:
        expected = model._read(numbers.X.to_numpy())
        finite = np.isfinite(expected)
        np.testing.assert_allclose(page.outputs(i)[finite], expected[finite], rtol=1e-9)
    assert page.data["rows"][page.data["chosen"]]["label"] == numbers.model.selected_


def test_classes_in_the_page(classes: Case, tmp_path: Path) -> None:
    page = Page(classes, tmp_path / "page.html")
    for i, model in rows_of(classes, page):
        expected = model.predict_proba(classes.X)
        np.testing.assert_allclose(page.outputs(i), expected, rtol=1e-9, atol=1e-300)
    errors = page(
        "errorsOfClasses(PAGE.data.y, PAGE.data.x.map((x) => EQUATIONS[PAGE.chosen](x, "
        "coefficientsOf(PAGE.rows[PAGE.chosen], -1))))"
    )
    loss = log_loss(classes.y, classes.model.predict_proba(classes.X))
    expected = [classes.model.score(classes.X, classes.y), loss]
    assert [error["value"] for error in errors] == pytest.approx(expected)


def test_groups_in_the_page(study: Case, tmp_path: Path) -> None:
    page, model = Page(study, tmp_path / "page.html"), study.model
    chosen, X = page.data["chosen"], np.asarray(study.X)
    assert page.data["groups"] == [*"abcde"]
    np.testing.assert_allclose(page.outputs(chosen)[:, 0], model.predict(X), rtol=1e-9)
    for number, label in enumerate(model.groups_):
        expected = model.predict(X, groups=np.full(len(X), label))
        found = page.outputs(chosen, number)[:, 0]
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_row_that_is_taken_is_a_model_file(numbers: Case, page: Page) -> None:
    chosen = page.data["chosen"]
    for i, model in rows_of(numbers, page):
        text = page(f"assembled(PAGE.models, {i})")
        loaded = DARTSRegressor.from_json(text)
        assert loaded.selected_ == page.data["rows"][i]["label"]
        x = numbers.X.to_numpy()
        np.testing.assert_array_equal(loaded._read(x), model._read(x))
        if i == chosen:
            assert json.loads(text) == json.loads(numbers.model.to_json())
            point = numbers.X.iloc[:5]
            ends = numbers.model.predict_interval(point)
            np.testing.assert_array_equal(loaded.predict_interval(point), ends)


def test_errors_in_the_page(numbers: Case, page: Page) -> None:
    truth, found = np.asarray(numbers.y), numbers.model.predict(numbers.X)
    errors = page(f"errorsOfNumbers({truth.tolist()}, {found.tolist()})")
    expected = [r2_score(truth, found), root_mean_squared_error(truth, found)]
    assert [error["value"] for error in errors] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "expression, expected",
    [
        ("ticksBetween(0, 10, 5)", [0, 2, 4, 6, 8, 10]),
        ("ticksBetween(-0.31, 0.32, 4)", [-0.2, 0, 0.2]),
        ("ticksBetween(3, 3, 4)", [3]),
        ("decadesBetween(2e-4, 30, 3)", [1e-3, 0.1, 10]),
        ("shortText(0.99999)", "1 − 1.0e−5"),
        ("shortText(-0.5)", "−0.5"),
        ("shortText(0.00004217, 2)", "4.2e−5"),
        ("shortText(NaN)", "not defined"),
        ("sliderEnds(2, 0.1)", [1, 3]),
        ("sliderEnds(2, 1)", [-3, 7]),
        ("sliderEnds(0, null)", [-1, 1]),
    ],
)
def test_numbers_of_the_page(page: Page, expression: str, expected: Any) -> None:
    assert page(expression) == pytest.approx(expected)


def test_many_rows_are_thinned_and_said(numbers: Case, tmp_path: Path) -> None:
    index = np.arange(3000) % 60
    X, y = numbers.X.iloc[index], numbers.y.iloc[index]
    page = Page(numbers._replace(X=X, y=y), tmp_path / "page.html")
    assert len(page.data["data"]["x"]) == 2000 and page.data["data"]["total"] == 3000


def after(page: Page, script: str, path: Path, size: str = "1200,900") -> str:
    """The page as Chromium has it after a further script, whose hash is allowed."""
    code = hashlib.sha256(script.encode()).digest()
    policy = f"script-src 'sha256-{base64.b64encode(code).decode()}' "
    text = page.text.replace("script-src ", policy, 1)
    path.write_text(text.replace("</body>", f"<script>{script}</script></body>"), "utf-8")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000")
    command = [CHROMIUM, *options, f"--window-size={size}", "--dump-dom", path.as_uri()]
    return subprocess.run(
        command, capture_output=True, check=True, text=True, timeout=120
    ).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_page_in_a_browser(numbers: Case, page: Page, tmp_path: Path) -> None:
    """What a person does: read, choose a row, move a coefficient, go back, save."""
    script = """
    const log = {}, said = (id) => document.getElementById(id).textContent;
    requestAnimationFrame = (draw) => draw();  // nothing is to wait for
    const RealBlob = Blob;
    Blob = function (parts, kind) {
      log.file = JSON.parse(parts[0]).format;
      return new RealBlob(parts, kind);
    };
    const send = (id, value, kind) => {
      document.getElementById(id).value = value;
      document.getElementById(id).dispatchEvent(new Event(kind));
    };
    addEventListener("securitypolicyviolation", () => {
      document.body.dataset.blocked = "yes";
    });
    log.start = [said("status"), said("statistics"), said("equation")];
    send("c0", PAGE.rows[PAGE.chosen].coefficients[0].value + 1.5, "input");
    log.moved = [said("status"), said("statistics"), said("equation"), said("taken")];
    document.getElementById("reset").click();
    log.back = [said("status"), said("statistics"), said("equation")];
    document.querySelectorAll("#rows input")[0].click();
    log.row = [said("status"), document.querySelectorAll("#front .chosen").length];
    const mark = document.querySelectorAll("#front .row")[PAGE.chosen];
    mark.dispatchEvent(new Event("click"));
    log.again = said("status");
    document.getElementById("take").click();
    log.wide = document.documentElement.scrollWidth > innerWidth;
    document.body.dataset.log = JSON.stringify(log);
    """
    dom = after(page, script, tmp_path / "page.html", "500,900")
    [body] = [attributes for tag, attributes in Seen(dom).tags if tag == "body"]
    log, label = json.loads(body["data-log"]), numbers.model.selected_
    assert log["start"][0] == f"Row {label}, with its fitted coefficients."
    score = numbers.model.score(numbers.X, numbers.y)
    assert r2_shown(log["start"][1]) == pytest.approx(score, abs=1e-4)
    assert log["moved"][0].endswith("changed by hand.")
    assert log["moved"][1:3] != log["start"][1:] and "not those" in log["moved"][3]
    assert log["back"] == log["start"]
    assert log["row"] == ["Row 0, with its fitted coefficients.", 1]
    assert log["again"] == log["start"][0] and log["file"] == "autora-darts"
    assert log["wide"] is False and "data-blocked" not in body
    shown = log["start"][2].replace("\xa0", " ")
    assert TARGET in shown and SCRIPT in shown


# The command line


def test_pages_from_the_command_line(
    numbers: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, data = tmp_path / "model.json", tmp_path / "data.csv"
    numbers.model.save(model)
    numbers.X.assign(**{TARGET: numbers.y, "more": 1}).to_csv(data, index=False)
    report = str(tmp_path / "r.html")
    asked = ["show", str(model), "--report", report, "--data", str(data)]
    assert main(asked) == 0
    seen = is_closed(Path(report).read_text("utf-8"))
    assert f"autora-darts show {model}" in seen.text and "Rows 60" in seen.text
    assert main(["explore", str(model), str(data), "--no-browser"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'explore.html'}\n"
    is_closed((tmp_path / "explore.html").read_text("utf-8"))
    for arguments, said in (
        (["explore", str(model), "-o", str(tmp_path / "no" / "p.html")], "no folder"),
        (["explore", str(model), "-o", "page.txt"], "must end in .html"),
        (["explore", str(model), "--target", "y"], "name their file"),
        (
            ["show", str(model), "--report", report, "--data", "-", "--groups", "g"],
            "groups",
        ),
    ):
        assert main(arguments) == 2
        assert said in capsys.readouterr().err


def test_a_fit_with_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X = np.random.default_rng(0).uniform(1, 2, (12, 2))
    data = tmp_path / "data.csv"
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 0], "y": 2 * X[:, 0]})
    frame.to_csv(data, index=False)
    report = tmp_path / "r.html"
    arguments = ["fit", str(data), "--target", "y", "--primitives", "none", "add", "mult"]
    wrong = [*arguments, "--report", str(tmp_path / "no" / "r.html")]
    assert main(wrong) == 2 and not (tmp_path / "data-darts").exists()
    capsys.readouterr()
    folder = ["-o", str(tmp_path / "out"), "--report", str(report)]
    assert main([*arguments, *folder]) == 0
    shown = capsys.readouterr()
    warned = re.findall(r"warning: (.*)", shown.err)
    assert warned and str(report) in shown.out
    text = is_closed(report.read_text("utf-8")).text
    assert all(one in text for one in warned)
    assert "autora-darts fit" in text
