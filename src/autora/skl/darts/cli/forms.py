"""The command ``show``: a model in the form asked for."""

from __future__ import annotations

import argparse
from pathlib import Path

from .pages import check_page, report_of_file
from .report import draw_graph, print_table, say, say_equation
from .sources import load


def show(asked: argparse.Namespace) -> int:
    """The equation of a model file in the form asked for."""
    check_page(asked.report)
    model = load(asked.model)
    if asked.row is not None:
        model.select_equation(asked.row)
    if asked.graph is not None:
        draw_graph(model, Path(asked.graph))
    if asked.report is not None:
        report_of_file(model, asked)
        return 0
    if asked.latex:
        say(model.latex(asked.digits, simplify=asked.simplify))
    elif asked.sympy:
        say(model._sympy_source(asked.simplify))
    elif asked.python:
        say(model.python().rstrip("\n"))
    elif asked.coefficients:
        table = model.coefficients_.to_csv(index=False, lineterminator="\n")
        say(table.rstrip("\n"))
    elif asked.table:
        print_table(model)
    elif asked.graph is None:
        say_equation(model, asked.digits)
    return 0
