"""The drawing of a model: what it says, and that it renders without ``dot``."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import graphviz
import numpy as np
import pytest

from autora.skl.darts.graph.model import Model
from autora.skl.darts.graph.objectives import OBJECTIVES
from autora.skl.darts.graph.primitives import resolve
from autora.skl.darts.graph.search_space import SearchSpace
from autora.skl.darts.plotting.graph_drawing import model_graph
from autora.skl.darts.plotting.graphviz_files import ModelGraph

VOCABULARY = ["none", "add", "subtract", "mult", "linear", "linear_exp", "softplus"]
ODD_NAMES = ['a<b & "c"', "back\\slash\\n", "two\nlines", "größe &lt; 日本", "<b>$x$</b>"]


def build(shape, chosen, readout, bias=None, objective="real", space=None) -> Model:
    """A model of shape (inputs, nodes) from (primitive, coefficients…) per edge."""
    readout = np.array(readout, dtype=float)
    space = SearchSpace(*shape, readout.shape[1], resolve(VOCABULARY), **(space or {}))
    edge = np.zeros((space.n_edges, space.max_params))
    for e, (_, *coefs) in enumerate(chosen):
        edge[e, : len(coefs)] = coefs
    index = np.array([space.names.index(name) for name, *_ in chosen])
    bias = np.zeros(readout.shape[1]) if bias is None else np.array(bias, dtype=float)
    return Model(space, OBJECTIVES[objective], index, edge, readout, bias)


@pytest.fixture
def small() -> Model:
    """k_1 = 2·x1 + exp(5·x2 + 0.1), x3 unused."""
    chosen = [("mult", 2), ("linear_exp", 5, 0.1), ("none",)]
    return build((3, 1), chosen, [[1]])


@pytest.fixture
def drawn(small: Model) -> ModelGraph:
    return model_graph(small, ["x1", "x2", "x3"], ["speed"])


@pytest.fixture
def no_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without Graphviz, in an environment that is not activated."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


@pytest.fixture
def no_program(no_dot: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """And without the package that stands in for it."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)


def label(source: str, item: str) -> str | None:
    """The label of a node, or of an arrow written "tail -> head"."""
    pattern = rf'^\s*{re.escape(item)} \[label=("(?:[^"\\]|\\.)*"|\w+)'
    match = re.search(pattern, source, re.MULTILINE)
    return match[1].strip('"') if match else None


def svg_texts(picture: ModelGraph) -> list[str]:
    root = ElementTree.fromstring(picture.pipe("svg"))
    return [t.text or "" for t in root.iter("{http://www.w3.org/2000/svg}text")]


def test_edges_show_coefficients_as_written(drawn: ModelGraph) -> None:
    assert label(drawn.source, "input0 -> node0") == "2·x₁"
    # SymPy by itself says 1.11*exp(5*x2), whose 1.11 is no coefficient.
    assert label(drawn.source, "input1 -> node0") == "exp(5·x₂ + 0.1)"
    assert "input2 -> node0" not in drawn.source
    assert label(drawn.source, "output0") == "speed"
    assert "rankdir=LR" in drawn.source and "bgcolor=white" in drawn.source


def test_weight_one_has_no_label_and_decimals_count(small: Model, drawn) -> None:
    assert re.search(r"node0 -> output0$", drawn.source, re.MULTILINE)
    other = model_graph(small.replace(readout=[[-0.5]]), ["a", "b", "c"], ["y"], 3)
    assert label(other.source, "node0 -> output0") == "−0.5·k₁"
    assert label(other.source, "input0 -> node0") == "2·a"


def test_unused_input_is_grey(drawn: ModelGraph) -> None:
    nodes = [line for line in drawn.source.splitlines() if "shape=box" in line]
    lines = {line.split()[0]: line for line in nodes}
    assert "#0072B2" in lines["input0"] and "#0072B2" not in lines["input2"]
    assert label(drawn.source, "input2") == "x₃"


def test_dead_node_is_left_out_with_its_edges() -> None:
    # k_2 is fed by x1 and k_1 but reaches nothing; x2 feeds only k_2.
    chosen = [("add",), ("none",), ("mult", 3), ("subtract",), ("add",)]
    source = model_graph(build((2, 2), chosen, [[1], [0]]), ["x1", "x2"], ["y"]).source
    assert "node0" in source and "node1" not in source and "k₂" not in source
    assert "#0072B2" not in next(s for s in source.splitlines() if "input1 [" in s)


def test_node_that_only_feeds_others_stays() -> None:
    chosen = [("none",), ("none",), ("linear_exp", 1, 0.5)]
    source = model_graph(build((1, 2), chosen, [[0], [1]]), ["x1"], ["y"]).source
    assert label(source, "node0") == "k₁ = 0"
    assert label(source, "node0 -> node1") == "exp(1·k₁ + 0.5)"
    assert "node0 -> output0" not in source


PARALLEL = [("add",), ("linear_exp", 1, 0.5), ("none",), ("mult", 3), ("add",), ("none",)]


@pytest.mark.parametrize(("aggregation", "sign"), [([1, 0], "×"), ([0, 0], "+")])
def test_nodes_say_how_they_combine(aggregation: list[int], sign: str) -> None:
    space = {"aggregations": ("sum", "product"), "n_parallel": 2}
    model = build((1, 2), PARALLEL, [[1], [2]], space=space)
    model = model.replace(aggregation=aggregation)
    source = model_graph(model, ["x1"], ["y"]).source
    assert label(source, "node0") == rf"k₁\n{sign}"
    assert label(source, "node1") == r"k₂\n+"
    # Both copies of an arrow, each with its own label.
    arrows = re.findall(r'input0 -> node0 \[label=("[^"]*"|\w+)\]', source)
    assert arrows == ['"x₁"', '"exp(1·x₁ + 0.5)"']


def test_nothing_to_combine_needs_no_sign() -> None:
    space = {"aggregations": ("sum", "product")}
    model = build((2, 1), [("add",), ("none",)], [[1]], space=space)
    source = model_graph(model.replace(aggregation=[1]), ["x1", "x2"], ["y"]).source
    assert label(source, "node0") == "k₁"
    sums = build((2, 1), [("add",), ("add",)], [[1]])
    assert label(model_graph(sums, ["x1", "x2"], ["y"]).source, "node0") == "k₁"


@pytest.mark.parametrize(
    ("objective", "bias", "expected"),
    [
        ("real", [0.5, 0], [r"a\n+ 0.5", "b"]),
        ("sigmoid", [-0.25, 0], [r"a\nlogistic(sum − 0.25)", r"b\nlogistic(sum)"]),
        ("probability_distribution", [0, 1], [r"a\nsoftmax(sum)", r"b\nsoftmax(1)"]),
    ],
)
def test_bias_and_link_at_the_outputs(objective, bias, expected) -> None:
    weights = [[1, 0 if objective == "probability_distribution" else 2]]
    model = build((1, 1), [("add",)], weights, bias, objective)
    source = model_graph(model, ["x1"], ["a", "b"]).source
    assert [label(source, f"output{q}") for q in (0, 1)] == expected


def test_names_show_as_they_are(no_dot: None, recwarn, capfd) -> None:
    model = build((5, 1), [("add",)] * 5, [[1]])
    shown = svg_texts(model_graph(model, ODD_NAMES, ['"y" \\']))
    for name in [*ODD_NAMES, '"y" \\']:
        assert set(name.split("\n")) <= set(shown)
    assert "`two\\nlines`" in shown  # on the arrow
    assert not recwarn.list and capfd.readouterr().err == ""


def test_control_characters_do_not_break_the_picture(no_dot: None) -> None:
    model = build((1, 1), [("add",)], [[1]])
    assert "a b c" in svg_texts(model_graph(model, ["a\0b\x1bc"], ["y"]))


def test_wrong_number_of_labels(small: Model) -> None:
    with pytest.raises(ValueError, match="input_labels has 2 names, the model needs 3"):
        model_graph(small, ["x1", "x2"], ["y"])
    with pytest.raises(ValueError, match="output_labels has 2 names"):
        model_graph(small, ["x1", "x2", "x3"], ["y", "z"])


MAGIC = {"svg": b"<?xml", "png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-1."}


@pytest.mark.parametrize("format", MAGIC)
def test_renders_without_dot(format, drawn, no_dot, tmp_path) -> None:
    picture = drawn.render(tmp_path / "new" / "model", format=format)
    assert picture == str(tmp_path / "new" / f"model.{format}")
    assert Path(picture).read_bytes().startswith(MAGIC[format])
    assert (tmp_path / "new" / "model").read_text() == drawn.source
    assert drawn.pipe(format=format).startswith(MAGIC[format])


def test_render_outfile_cleanup_and_default_format(drawn, no_dot, tmp_path) -> None:
    out = drawn.render(outfile=tmp_path / "a.png", cleanup=True)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert Path(out).read_bytes().startswith(MAGIC["png"])
    assert drawn.render("b", directory=tmp_path).endswith("b.svg")


def test_png_is_sharp(drawn: ModelGraph, no_dot: None) -> None:
    width = int.from_bytes(drawn.pipe("png")[16:20], "big")
    svg_points = float(re.search(r'width="([\d.]+)pt"', drawn._repr_svg_())[1])
    assert width > 2 * svg_points


def test_pdf_has_vectors_and_text(drawn: ModelGraph, no_dot: None) -> None:
    pdf = drawn.pipe("pdf")
    assert b"/Subtype /Image" not in pdf and b"/CIDFontType2" in pdf
    assert pdf == drawn.pipe("pdf")


def test_unknown_format_without_dot(drawn: ModelGraph, no_dot: None) -> None:
    with pytest.raises(ValueError, match="bogus"):
        drawn.pipe("bogus")
    with pytest.raises(RuntimeError, match="format='tiff'"):
        drawn.pipe("tiff")


def test_without_any_program_the_remedy_is_named(drawn, no_program, tmp_path) -> None:
    for format in MAGIC:
        with pytest.raises(graphviz.ExecutableNotFound, match="pip install graphviz-pure"):
            drawn.render(tmp_path / "model", format=format)
    assert not list(tmp_path.iterdir())
    assert "2·x₁" in Path(drawn.save(tmp_path / "model.gv")).read_text("utf-8")


def test_notebook_shows_svg_or_falls_back_to_text(drawn, no_dot, monkeypatch) -> None:
    assert "exp(5·x₂ + 0.1)" in drawn._repr_mimebundle_()["image/svg+xml"]
    assert drawn._repr_svg_().startswith("<?xml")
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert drawn.source in drawn._repr_mimebundle_()["text/plain"]
    assert drawn._repr_svg_() is None


def test_dot_is_preferred(drawn: ModelGraph, monkeypatch, tmp_path) -> None:
    if sys.platform == "win32":
        pytest.skip("needs a shell script as a stand-in for dot")
    stand_in = tmp_path / "dot"
    stand_in.write_text("#!/bin/sh\nprintf 'drawn by dot'\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert drawn.pipe("pdf") == b"drawn by dot"


def test_package_does_not_import_drawing_libraries() -> None:
    code = (
        "import sys, autora.skl.darts, autora.skl.darts.plotting.monitor;"
        "import autora.skl.darts.plotting.axes;"
        "print([m for m in ('graphviz', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
