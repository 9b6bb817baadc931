"""The drawing of a model: inputs → latent nodes → outputs, as a Graphviz graph.

Only the estimator's plot method imports this module, so that importing the package does
not import graphviz.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import graphviz

from .model import Edge, Model
from .symbolic import edge_expression, floats, link_text, node_symbols, symbols, text

_FONT = "Helvetica"
_INK, _LINE, _MUTED = "#222222", "#5F6B76", "#9AA3AB"
#: Fill and border of the three kinds of node. Hues of the Okabe–Ito palette, which
#: colour-blind readers tell apart; the shapes differ as well.
_STYLES = {
    "input": {"shape": "box", "fillcolor": "#DCEBF7", "color": "#0072B2"},
    "unused": {"fillcolor": "#F4F5F6", "color": "#C5CBD0", "fontcolor": _MUTED},
    "latent": {"shape": "ellipse", "fillcolor": "#FCEFD2", "color": "#C98A00"},
    "output": {"shape": "box", "fillcolor": "#D8F0E6", "color": "#009E73"},
}
#: Two pixels per pixel of a classic screen, so that text in a PNG stays sharp.
_PNG_DPI = 192


class RendererNotFound(graphviz.ExecutableNotFound):
    """Neither Graphviz nor its replacement from PyPI is installed."""

    def __init__(self, message: str | None = None) -> None:
        RuntimeError.__init__(
            self,
            message
            or "drawing the graph needs a layout program: run 'pip install "
            "graphviz-pure', or install Graphviz (https://graphviz.org/download) so "
            "that 'dot' is on the PATH. The DOT text in .source needs neither.",
        )


class ModelGraph(graphviz.Digraph):
    """A `graphviz.Digraph` that renders with or without the program ``dot``.

    ``dot`` is used when it is on the PATH, else the command ``graphviz-pure`` from PyPI;
    PDF, which that command lacks, is then drawn by matplotlib from its layout. In a
    notebook the graph shows itself, as text when neither program is installed.
    """

    def pipe(self, format: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """The rendered graph.

        Parameters
        ----------
        format : str, default="svg"
            ``"svg"``, ``"png"``, ``"pdf"`` or another format of the layout program.
        encoding : str, optional
            Return text in this encoding instead of bytes.
        *args, **kwargs
            Further arguments of `graphviz.Digraph.pipe`; they steer ``dot`` only.

        Returns
        -------
        bytes or str

        Raises
        ------
        graphviz.ExecutableNotFound
            If neither layout program is installed; the message names the remedy.
        ValueError
            If the format is unknown.
        RuntimeError
            If the layout program fails.
        """
        if shutil.which("dot"):
            return super().pipe(format, *args, **kwargs)
        engine = kwargs.get("engine") or self.engine
        data = _render_pure(self.source, format or self.format, engine)
        encoding = kwargs.get("encoding")
        return data.decode(encoding) if encoding else data

    def render(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        **kwargs: Any,
    ) -> str:
        """Save the DOT text as ``filename`` and the picture as ``filename.format``.

        Parameters
        ----------
        filename : str or path, default="model.gv"
        directory : str or path, default="."
            Created when it does not exist.
        view : bool, default=False
            Open the picture with the default application.
        cleanup : bool, default=False
            Delete the DOT file afterwards.
        format : {"svg", "png", "pdf", ...}, default="svg"
        outfile : str or path, optional
            Picture file; its suffix gives the format.
        **kwargs
            Further arguments of `graphviz.Digraph.render`; they steer ``dot`` only.

        Returns
        -------
        str
            Path of the picture.

        Raises
        ------
        graphviz.ExecutableNotFound, ValueError, RuntimeError
            As `pipe`; nothing is written then.
        """
        if shutil.which("dot"):
            return super().render(filename, directory, view, cleanup, format, **kwargs)
        outfile = kwargs.get("outfile")
        if outfile is not None:
            outfile = Path(directory or self.directory, outfile)
            format = format or outfile.suffix.lstrip(".") or None
            filename = filename or f"{outfile.stem}.gv"
        format = format or self.format
        data = self.pipe(format, engine=kwargs.get("engine"))
        source = self.save(filename, directory=directory)
        picture = str(outfile or f"{source}.{format}")
        Path(picture).write_bytes(data)
        if cleanup:
            os.remove(source)
        if view:
            graphviz.view(picture)
        return picture

    def _repr_svg_(self) -> str | None:
        """The picture for notebooks, or None when no layout program is installed."""
        try:
            return self.pipe("svg", encoding="utf-8")
        except graphviz.ExecutableNotFound:
            return None

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None, **kwargs: Any
    ) -> dict[str, str]:
        try:
            return super()._repr_mimebundle_(include, exclude, **kwargs)
        except graphviz.ExecutableNotFound as error:
            return {"text/plain": f"{self.source}\n({error})"}


def model_graph(
    model: Model,
    input_labels: Sequence[str],
    output_labels: Sequence[str],
    decimals: int = 2,
) -> ModelGraph:
    """Draw a model from left to right: inputs, latent nodes, outputs.

    An arrow carries what it adds to its target, such as ``2.00*x1``; without a label it
    adds its source. Unused inputs are grey; nodes that reach no output are left out.

    Parameters
    ----------
    model : Model
    input_labels : sequence of str of length n_inputs
    output_labels : sequence of str of length n_outputs
    decimals : int, default=2
        Digits behind the decimal point of every coefficient.

    Returns
    -------
    ModelGraph

    Raises
    ------
    ValueError
        If the number of labels does not match the model.
    """
    for name, labels, n in (
        ("input_labels", input_labels, model.space.n_inputs),
        ("output_labels", output_labels, model.space.n_outputs),
    ):
        if len(labels) != n:
            raise ValueError(f"{name} has {len(labels)} names, the model needs {n}")
    live = model.live_nodes()
    edges = [edge for edge in model.edges() if edge.target in live]
    graph = _canvas()
    _add_inputs(graph, input_labels, {edge.source for edge in edges})
    fed = {edge.target for edge in edges}
    latent = node_symbols(model, [*input_labels, *output_labels])
    for k in sorted(live):
        # A node that nothing feeds is a sum of nothing, yet may feed others.
        label = latent[k].name if k in fed else f"{latent[k].name} = 0"
        graph.node(f"node{k}", label, **_STYLES["latent"])
    _add_edges(graph, model, edges, symbols(input_labels) + latent, decimals)
    _add_outputs(graph, model, output_labels, decimals)
    return graph


def _canvas() -> ModelGraph:
    font = {"fontname": _FONT, "fontcolor": _INK}
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
        edge_attr=font | {"fontsize": "11", "color": _LINE, "arrowsize": "0.7"},
    )


def _add_inputs(graph: ModelGraph, labels: Sequence[str], used: set[int]) -> None:
    """One column of inputs, in the order of the data's columns."""
    with graph.subgraph() as column:
        column.attr(rank="source")
        for i, label in enumerate(labels):
            style = _STYLES["input"] | ({} if i in used else _STYLES["unused"])
            column.node(f"input{i}", _escape(label), **style)
            if i:
                # Invisible arrows keep the order, which layout would shuffle.
                column.edge(f"input{i - 1}", f"input{i}", style="invis")


def _add_edges(
    graph: ModelGraph,
    model: Model,
    edges: Sequence[Edge],
    sources: Sequence[Any],
    decimals: int,
) -> None:
    """The chosen primitives and the read-out."""
    import sympy

    d = model.space.n_inputs
    for edge in edges:
        tail = f"input{edge.source}" if edge.source < d else f"node{edge.source - d}"
        # As written: SymPy would turn exp(5*x + 0.1) into 1.11*exp(5*x), whose numbers
        # are not the coefficients. Without a shift its tidying is welcome.
        with sympy.evaluate("shift" not in edge.primitive.params):
            expression = edge_expression(edge, sources[edge.source])
        graph.edge(tail, f"node{edge.target}", _label(text(expression, decimals)))
    for k, q in zip(*model.readout.nonzero(), strict=True):
        weight = float(model.readout[k, q])
        label = "" if weight == 1 else text(floats([weight])[0] * sources[d + k], decimals)
        graph.edge(f"node{k}", f"output{q}", _label(label))


def _add_outputs(
    graph: ModelGraph, model: Model, labels: Sequence[str], decimals: int
) -> None:
    with graph.subgraph() as column:
        column.attr(rank="sink")
        for q, label in enumerate(labels):
            lines = [_escape(label), _output_formula(model, q, decimals)]
            text_ = r"\n".join(line for line in lines if line)
            column.node(f"output{q}", graphviz.nohtml(text_), **_STYLES["output"])
            if q:
                column.edge(f"output{q - 1}", f"output{q}", style="invis")


def _output_formula(model: Model, q: int, decimals: int) -> str:
    """What an output does with its arrows: bias and link; empty when it only adds up."""
    bias = float(model.bias[q])
    fed = bool(model.readout[:, q].any())
    if model.objective.name == "real" and fed and bias == 0:
        return ""
    size = text(floats([abs(bias)])[0], decimals)
    if not fed:
        total = f"-{size}" if bias < 0 else size
    elif bias == 0:
        total = "sum"
    else:
        total = f"sum {'-' if bias < 0 else '+'} {size}"
    return link_text(model, total, "console")


def _escape(label: str) -> str:
    """A name as DOT text that shows exactly that name, whatever characters it has."""
    shown = "".join(c if c.isprintable() or c == "\n" else " " for c in str(label))
    # DOT would read "&lt;" in a name as the entity that it spells.
    literal = re.sub(r"&(?=#?\w+;)", "&amp;", shown)
    escaped = str(graphviz.escape(literal)).replace("\n", r"\n")
    # A name such as "<b>" is text, not markup.
    return graphviz.nohtml(escaped)


def _label(formula: str) -> str | None:
    return _escape(" ".join(formula.split())) if formula else None


def _find_pure() -> str | None:
    """The command graphviz-pure, also in an environment that is not activated."""
    name = "graphviz-pure"
    folders = [Path(sys.executable).parent]
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        files = importlib.metadata.files(name) or []
        folders += [Path(str(f.locate())).resolve().parent for f in files if f.stem == name]
    for folder in folders:
        if found := shutil.which(name, path=str(folder)):
            return found
    return shutil.which(name)


def _render_pure(source: str, format: str, engine: str) -> bytes:
    """The graph drawn by graphviz-pure, or by matplotlib from its layout."""
    if format.lower() not in graphviz.FORMATS:
        raise ValueError(f"format={format!r} is unknown; use 'svg', 'png' or 'pdf'")
    if format.lower() == "pdf":
        from .plot import layout_pdf

        return layout_pdf(json.loads(_render_pure(source, "json", engine)))
    program = _find_pure()
    if program is None:
        raise RendererNotFound()
    # It warns about the width of every non-ASCII character (-q: quiet); the estimate
    # that it falls back to is close enough.
    command = [program, "-q", f"-K{engine}", f"-T{format.lower()}"]
    if format.lower() == "png":
        command.append(f"-Gdpi={_PNG_DPI}")
    done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
    if done.returncode or not done.stdout:
        reason = done.stderr.decode(errors="replace").strip() or "no output"
        raise RuntimeError(f"graphviz-pure failed on format={format!r}: {reason}")
    return done.stdout
