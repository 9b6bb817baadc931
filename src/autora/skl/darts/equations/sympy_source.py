"""Expressions as text from which SymPy, or a person, reads them again."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from .python_source import identifiers


def sympy_source(expressions: Sequence[Any]) -> str:
    """A text that ``sympy.sympify`` reads, of one expression or a list.

    SymPy runs what it reads, and has meanings of its own for names such as ``beta`` or
    ``S``. Symbols whose names are no free identifiers get similar ones, and comments below
    say which is which.
    """
    import sympy
    from sympy.printing.str import StrPrinter

    found = sorted(set().union(*(e.free_symbols for e in expressions)), key=str)
    words = {*dir(sympy), *dir(builtins)}
    # Names that are fine as they are come first: none of them changes for another's sake.
    found.sort(key=lambda symbol: identifiers([symbol.name], words=words) != [symbol.name])
    texts = identifiers([symbol.name for symbol in found], words=words)
    written = dict(zip(found, texts, strict=True))

    class Written(StrPrinter):
        def _print_Symbol(self, expr: Any) -> str:
            return written[expr]

        def _print_Float(self, expr: Any) -> str:
            return repr(float(expr))  # to the last bit

    printed = [Written().doprint(expression) for expression in expressions]
    lines = [printed[0] if len(printed) == 1 else f"[{', '.join(printed)}]"]
    for symbol, name in written.items():
        if symbol.name != name:
            lines.append(f"# {name}: {symbol.name!r}")
    return "\n".join(lines)
