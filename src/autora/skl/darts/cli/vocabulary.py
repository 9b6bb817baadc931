"""The command ``primitives``: which functions equations may be made of."""

from __future__ import annotations

import argparse

from ..graph.primitive_texts import REMARK, described
from ..graph.primitives import PRIMITIVES
from .report import say


def primitives(asked: argparse.Namespace) -> int:
    """All primitives that come with the package, or those that are searched by default."""
    rows = [row for row in described() if row.default or not asked.default]
    names = max(len(row.name) for row in rows)
    formulas = max(len(row.formula) for row in rows)
    say(f"  {'name':{names}}  {'formula':{formulas}}  defined where")
    for row in rows:
        mark = "*" if row.default else " "
        line = f"{mark} {row.name:{names}}  {row.formula:{formulas}}  {row.domain}"
        say(line.rstrip())
    say("")
    say(f"a, b and beta are fitted; {REMARK}.")
    say("* searched by default; --primitives NAME … searches among those named instead.")
    say(f"With --nodes N the default is {' '.join(PRIMITIVES)}.")
    return 0
