"""The drawing of a model: inputs → latent nodes → outputs, as a Graphviz graph.

Only the estimator's plot method imports this module, so that importing the package does
not import graphviz.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import graphviz

from ..equations.printing import console_name, text
from ..equations.symbolic import (
    edge_expression,
    floats,
    link_text,
    node_symbols,
    starts_of,
    symbols,
)
from ..graph.model import Edge, Model
from .formulas import subscripted, typographic
from .graphviz_files import ModelGraph
from .style import BLUE, GREEN, INK, INPUT, LATENT, LINE, MUTED, OUTPUT, PALE

_FONT = "Helvetica"
#: Fill and border of the three kinds of node. Hues of the Okabe–Ito palette, which
#: colour-blind readers tell apart; the shapes differ as well.
_STYLES = {
    "input": {"shape": "box", "fillcolor": INPUT, "color": BLUE},
    "unused": {"fillcolor": "#F4F5F6", "color": PALE, "fontcolor": MUTED},
    "latent": {"shape": "ellipse", "fillcolor": LATENT, "color": "#C98A00"},
    "output": {"shape": "box", "fillcolor": OUTPUT, "color": GREEN},
}


class DrawnUnits(NamedTuple):
    """Units as text for the boxes and arrows of a drawing; "" draws none."""

    inputs: Sequence[str]
    outputs: Sequence[str]
    edges: Mapping[int, str]  #: by the number of an edge
    readout: Mapping[tuple[int, int], str]  #: by latent node and output


def model_graph(
    model: Model,
    input_labels: Sequence[str],
    output_labels: Sequence[str],
    decimals: int = 2,
    units: DrawnUnits | None = None,
    hidden: Collection[int] = (),
) -> ModelGraph:
    """Draw a model from left to right: inputs, latent nodes, outputs.

    An arrow carries what it brings to its target, such as ``2·x₁``; without a label that
    is its source. Targets add up what they are brought; where latent nodes may multiply,
    those with several arrows say which they do. Unused inputs are grey; nodes that reach
    no output are left out, and so are ``hidden`` inputs, by number. Units stand in a second
    line. Names such as x1 have an index, as in LaTeX.

    Raises
    ------
    ValueError
        If the number of labels does not match the model.
    """
    n_inputs, n_outputs = model.space.n_inputs, model.space.n_outputs
    for name, labels, n in (
        ("input_labels", input_labels, n_inputs),
        ("output_labels", output_labels, n_outputs),
    ):
        if len(labels) != n:
            raise ValueError(f"{name} has {len(labels)} names, the model needs {n}")
    none = [""] * n_inputs, [""] * n_outputs
    units = DrawnUnits(*none, {}, {}) if units is None else units
    graph, edges = _canvas(), model.live_edges()
    used, plain = {edge.source for edge in edges}, _STYLES["input"]
    looks = [plain if i in used else plain | _STYLES["unused"] for i in range(n_inputs)]
    shown = [*map(_under, map(_escape, _indexed(input_labels)), units.inputs)]
    _add_column(graph, "input", shown, looks, hidden)
    fed = Counter(edge.target for edge in edges)
    latent = node_symbols(model, [*input_labels, *output_labels])
    for k in sorted(model.live_nodes()):
        label = _latent_label(model, k, subscripted(latent[k].name), fed[k])
        graph.node(f"node{k}", label, **_STYLES["latent"])
    starts = starts_of(model, input_labels)
    sources = symbols(input_labels) + latent
    names = [*map(console_name, map(str, input_labels))]
    for edge in edges:
        formula = _edge_formula(edge, sources[edge.source], decimals, starts)
        formula = typographic(formula, names)
        _add_edge(graph, edge, n_inputs, _label(formula, units.edges.get(edge.index, "")))
    _add_readout(graph, model, latent, decimals, units.readout)
    shown = [
        _output_label(model, q, _under(_escape(name), units.outputs[q]), decimals)
        for q, name in enumerate(_indexed(output_labels))
    ]
    _add_column(graph, "output", shown, [_STYLES["output"]] * len(shown))
    return graph


def _indexed(labels: Sequence[str]) -> list[str]:
    """Names such as x1 with an index, unless x_1 is another of them."""
    plain = [*map(str, labels)]
    found = [*map(subscripted, plain)]
    return found if len({*found}) == len({*plain}) else plain


def _canvas() -> ModelGraph:
    font = {"fontname": _FONT, "fontcolor": INK}
    return ModelGraph(
        "model",
        format="svg",
        graph_attr={
            "rankdir": "LR",
            "bgcolor": "white",
            "charset": "UTF-8",
            "nodesep": "0.4",
            "ranksep": "0.7",
            "pad": "0.15",
        },
        node_attr=font
        | {
            "style": "rounded,filled",
            "fontsize": "14",
            "penwidth": "1.4",
            "margin": "0.16,0.06",
            "height": "0.45",
        },
        edge_attr=font | {"fontsize": "11", "color": LINE, "arrowsize": "0.7"},
    )


def _add_column(
    graph: ModelGraph,
    kind: str,
    labels: Sequence[str],
    looks: Sequence[dict[str, str]],
    hidden: Collection[int] = (),
) -> None:
    """Inputs or outputs, in the order of the data's columns."""
    with graph.subgraph() as column:
        column.attr(rank="source" if kind == "input" else "sink")
        above = None
        for i, (label, look) in enumerate(zip(labels, looks, strict=True)):
            if i in hidden:
                continue
            column.node(f"{kind}{i}", label, **look)
            if above is not None:
                # Invisible arrows keep the order, which layout would shuffle.
                column.edge(above, f"{kind}{i}", style="invis")
            above = f"{kind}{i}"


def _latent_label(model: Model, k: int, name: str, n_edges: int) -> str:
    if n_edges == 0:
        return f"{name} = 0"  # brought nothing, yet it may feed others
    if n_edges == 1 or "product" not in model.space.aggregations:
        return name
    return rf"{name}\n{'×' if model.products[k] else '+'}"


def _edge_formula(
    edge: Edge, source: Any, decimals: int, starts: Mapping[str, float]
) -> str:
    """What an edge brings to its target."""
    import sympy

    # As written: SymPy would turn exp(5*x + 0.1) into 1.11*exp(5*x), whose numbers
    # are not the coefficients. Without a shift its tidying is welcome.
    as_it_is = "shift" in edge.primitive.params
    with sympy.evaluate(not as_it_is):
        expression = edge_expression(edge, source)
    return text(expression, decimals, starts=starts, as_it_is=as_it_is)


def _add_edge(graph: ModelGraph, edge: Edge, n_inputs: int, label: str | None) -> None:
    inside = edge.source >= n_inputs
    tail = f"node{edge.source - n_inputs}" if inside else f"input{edge.source}"
    graph.edge(tail, f"node{edge.target}", label)


def _add_readout(
    graph: ModelGraph,
    model: Model,
    nodes: Sequence[Any],
    decimals: int,
    units: Mapping[tuple[int, int], str],
) -> None:
    for k, q in zip(*model.readout.nonzero(), strict=True):
        weight = float(model.readout[k, q])
        formula = "" if weight == 1 else text(floats([weight])[0] * nodes[k], decimals)
        formula = typographic(formula, [])
        label = _label(formula, units.get((int(k), int(q)), ""))
        graph.edge(f"node{k}", f"output{q}", label)


def _output_label(model: Model, q: int, name: str, decimals: int) -> str:
    """An output's name, escaped, and what it does with its arrows, unless it only adds
    up."""
    bias = float(model.bias[q])
    fed = bool(model.readout[:, q].any())
    size = typographic(text(floats([abs(bias)])[0], decimals), [])
    plain = model.objective.name == "real"
    if not fed:
        total = f"−{size}" if bias < 0 else size
    elif bias == 0:
        total = "" if plain else "sum"
    else:
        total = f"{'' if plain else 'sum '}{'−' if bias < 0 else '+'} {size}"
    return rf"{name}\n{link_text(model, total, 'console')}" if total else name


def _escape(label: str) -> str:
    """A name as DOT text that shows exactly that name, whatever characters it has."""
    shown = "".join(c if c.isprintable() or c == "\n" else " " for c in str(label))
    # DOT would read "&lt;" in a name as the entity that it spells.
    literal = re.sub(r"&(?=#?\w+;)", "&amp;", shown)
    escaped = str(graphviz.escape(literal)).replace("\n", r"\n")
    # A name such as "<b>" is text, not markup.
    return graphviz.nohtml(escaped)


def _under(label: str, unit: str) -> str:
    """A label, escaped, with its unit in a second line."""
    return rf"{label}\n{_escape(unit)}" if unit else label


def _label(formula: str, unit: str = "") -> str | None:
    label = _escape(" ".join(formula.split()))
    return _under(label, unit) if formula else _escape(unit) or None
