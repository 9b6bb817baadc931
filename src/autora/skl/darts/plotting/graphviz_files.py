"""Graphviz graphs that render with or without the program ``dot``.

Only `graph_drawing` imports this module, so that importing the package does not import
graphviz.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import graphviz

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
        """As `graphviz.Digraph.pipe`; ``args`` steer ``dot`` only.

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
        """As `graphviz.Digraph.render`; where `pipe` fails nothing is written."""
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


def _find_pure() -> str | None:
    """The command graphviz-pure, also in an environment that is not activated."""
    name = "graphviz-pure"
    folders = [str(Path(sys.executable).parent)]
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        files = importlib.metadata.files(name) or []
        folders += [
            str(Path(str(f.locate())).resolve().parent) for f in files if f.stem == name
        ]
    folders.append(os.environ.get("PATH", os.defpath))
    return shutil.which(name, path=os.pathsep.join(folders))


def _render_pure(source: str, format: str, engine: str) -> bytes:
    """The graph drawn by graphviz-pure, or by matplotlib from its layout."""
    if format.lower() not in graphviz.FORMATS:
        raise ValueError(f"format={format!r} is unknown; use 'svg', 'png' or 'pdf'")
    if format.lower() == "pdf":
        return _layout_pdf(json.loads(_render_pure(source, "json", engine)))
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


def _layout_pdf(layout: dict[str, Any]) -> bytes:
    """What Graphviz writes for ``-Tjson`` as a vector PDF with text that can be selected.

    The layout's coordinates are in points of 1/72 inch.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    x0, y0, x1, y1 = (float(v) for v in layout["bb"].split(","))
    pad = 72 * float(str(layout.get("pad", "0.06")).split(",")[0])
    width, height = x1 - x0 + 2 * pad, y1 - y0 + 2 * pad
    figure = Figure(figsize=(width / 72, height / 72), facecolor="white")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    ax.set(xlim=(x0 - pad, x1 + pad), ylim=(y0 - pad, y1 + pad))
    for item in [*layout.get("edges", []), *layout.get("objects", [])]:
        line_width = float(item.get("penwidth", 1))
        for part in ("_draw_", "_hdraw_", "_ldraw_"):
            _draw_operations(ax, item.get(part, []), line_width)
    buffer = io.BytesIO()
    # Font type 42 embeds whole characters; no date makes equal graphs equal files.
    with rc_context({"pdf.fonttype": 42}):
        figure.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()


def _draw_operations(ax: Axes, operations: list[dict[str, Any]], lw: float) -> None:
    """Draw what Graphviz calls xdot: pen and fill colours, shapes, text."""
    from matplotlib.patches import Ellipse, PathPatch
    from matplotlib.path import Path

    pen, fill, size = "#000000", "none", 14.0
    for op in operations:
        kind = op["op"]
        if kind == "c":
            pen = op["color"]
        elif kind == "C":
            fill = op["color"]
        elif kind == "F":
            size = float(op["size"])
        elif kind == "T":
            _draw_text(ax, op, pen, size)
        elif kind in "eE":
            x, y, rx, ry = op["rect"]
            ax.add_patch(Ellipse((x, y), 2 * rx, 2 * ry, fc=fill, ec=pen, lw=lw))
        elif kind in "pPbBL":
            points = op["points"]
            # Only outlines are filled: a curve that ends elsewhere is an arrow's line.
            closed = kind in "pP" or points[0] == points[-1]
            line = Path.CURVE4 if kind in "bB" else Path.LINETO
            codes = [Path.MOVETO] + [line] * (len(points) - 1)
            if closed:
                points, codes = [*points, points[0]], [*codes, Path.CLOSEPOLY]
            colour = fill if closed else "none"
            patch = PathPatch(Path(points, codes), fc=colour, ec=pen, lw=lw)
            ax.add_patch(patch)


def _draw_text(ax: Axes, op: dict[str, Any], colour: str, size: float) -> None:
    """One line of text, in a font that may be wider than the one of the layout."""
    from matplotlib.font_manager import FontProperties, fontManager
    from matplotlib.textpath import TextPath

    wanted = ("Helvetica", "Arial", "Liberation Sans", "Arimo", "DejaVu Sans")
    known = {font.name for font in fontManager.ttflist}
    font = FontProperties(family=[name for name in wanted if name in known])
    if font.get_family()[0] == wanted[-1]:
        size *= 0.86  # DejaVu is this much wider; one size keeps the drawing even
    shown = op["text"].replace("\\\\", "\\")
    path = TextPath((0, 0), shown.replace("$", r"\$"), size=size, prop=font)
    actual, room = path.get_extents().width, float(op["width"])
    if actual > room > 0:
        size *= max(room / actual, 0.7)
    align = {"c": "center", "l": "left", "r": "right"}[op["align"]]
    x, y = op["pt"]
    look: dict[str, Any] = {"color": colour, "fontproperties": font, "fontsize": size}
    ax.text(x, y, shown, ha=align, va="baseline", parse_math=False, **look)
