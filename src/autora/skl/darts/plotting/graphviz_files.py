"""Graphviz graphs that render with or without the program ``dot``.

Only `graph_drawing` imports this module, so that importing the package does not import
graphviz.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import graphviz

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
        from .axes import layout_pdf

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
