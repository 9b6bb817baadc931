"""Ground-truth problems: read, sampled, and evaluated.

A problem is a record of ``problems/*.json``: an expression, the range of each variable,
where both come from and, in some files, units or constants that differ between groups of
rows. Its data are drawn anew from a seed; nothing is downloaded.
"""

from __future__ import annotations

import ast
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import sympy

from helpers.common import BENCHMARKS

FOLDER = BENCHMARKS / "problems"
#: The file of the recovery benchmark.
DEVELOPMENT = "development"
#: Each range is this many times as wide in extrapolation, about the same centre.
WIDER = 1.5

FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(sympy, name)
    for name in (
        *("sin", "cos", "tan", "cot", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
        *("exp", "log", "sqrt", "cbrt", "Abs", "sign", "Max", "Min", "Piecewise"),
    )
}
FUNCTIONS |= {
    "arcsin": sympy.asin,
    "arccos": sympy.acos,
    "arctan": sympy.atan,
    "ln": sympy.log,
    "abs": sympy.Abs,
    "max": sympy.Max,
    "min": sympy.Min,
    "pow": sympy.Pow,
    "square": lambda x: x**2,
    "logistic": lambda x: 1 / (1 + sympy.exp(-x)),
}
BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}
COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Gt: sympy.Gt,
    ast.GtE: sympy.Ge,
    ast.Lt: sympy.Lt,
    ast.LtE: sympy.Le,
}


def parse(text: str, names: dict[str, Any]) -> Any:
    """The SymPy expression that ``text`` spells.

    Only arithmetic, comparisons, the listed functions and the given names are understood:
    SymPy's own parser evaluates whatever Python it is handed.
    """

    def read(node: ast.AST) -> Any:
        match node:
            case ast.Constant(value=bool() as value):
                return sympy.true if value else sympy.false
            case ast.Constant(value=int() | float() as value):
                return sympy.sympify(value)
            case ast.Name(id="pi"):
                return sympy.pi
            case ast.Name(id="E"):
                return sympy.E
            case ast.Name(id=name) if name in names:
                return names[name]
            case ast.BinOp(op=op) if type(op) in BINARY:
                return BINARY[type(op)](read(node.left), read(node.right))
            case ast.UnaryOp(op=ast.USub()):
                return -read(node.operand)
            case ast.UnaryOp(op=ast.UAdd()):
                return read(node.operand)
            case ast.Compare(ops=[op], comparators=[right]) if type(op) in COMPARE:
                return COMPARE[type(op)](read(node.left), read(right))
            case ast.Tuple(elts=parts):
                return tuple(read(part) for part in parts)
            case ast.Call(func=ast.Name(id=name), keywords=[]) if name in FUNCTIONS:
                return FUNCTIONS[name](*(read(argument) for argument in node.args))
        raise ValueError(f"cannot read {ast.unparse(node)!r} in {text!r}")

    return read(ast.parse(text.strip(), mode="eval").body)


def numeric(symbols: list[Any], expression: Any) -> Callable[[np.ndarray], np.ndarray]:
    """The expression as a function of the columns of X; not finite outside its domain."""
    function = sympy.lambdify(symbols, expression, "numpy")

    def evaluate(X: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.broadcast_to(function(*X.T), len(X)).astype(float)

    return evaluate


class Data(NamedTuple):
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray  #: fresh rows from the same ranges
    y_test: np.ndarray
    X_wide: np.ndarray  #: rows from wider ranges, each outside the original ones
    y_wide: np.ndarray


@dataclass(frozen=True)
class Variable:
    name: str
    symbol: str
    low: float
    high: float
    dist: str
    integer: bool = False
    #: Exponents of `dimensions.BASE`; None where the source has no units.
    units: tuple[int, ...] | None = None

    def draw(self, rng: np.random.Generator, rows: int, wider: float = 1.0) -> np.ndarray:
        margin = (wider - 1) / 2 * (self.high - self.low)
        low, high = self.low - margin, self.high + margin
        if self.integer:
            return rng.integers(np.ceil(low), np.floor(high) + 1, rows).astype(float)
        return rng.uniform(low, high, rows)


@dataclass(frozen=True)
class Constant:
    """A number of a law that has a name: "shared" by all groups, or drawn for every one.

    Drawn ones are "uniform" from ``low`` to ``high``, or "lognormal" with the median
    ``value`` and the standard deviation ``spread`` of their logarithms.
    """

    name: str
    symbol: str
    dist: str
    low: float = 0.0
    high: float = 0.0
    value: float = 0.0
    spread: float = 0.0

    @property
    def varies(self) -> bool:
        return self.dist != "shared"

    @property
    def middle(self) -> float:
        """The median over all groups that there could be."""
        return (self.low + self.high) / 2 if self.dist == "uniform" else self.value

    def draw(self, rng: np.random.Generator, groups: int) -> np.ndarray:
        if self.dist == "uniform":
            return rng.uniform(self.low, self.high, groups)
        return self.value * np.exp(self.spread * rng.normal(size=groups))


@dataclass(frozen=True)
class Problem:
    suite: str
    name: str
    expression: str
    variables: tuple[Variable, ...]
    source: str
    licence: str
    #: Units of y.
    units: tuple[int, ...] | None = None
    constants: tuple[Constant, ...] = ()

    @property
    def key(self) -> str:
        """Names alone are not unique: two suites have an exponential learning curve."""
        return f"{self.suite}/{self.name}"

    @cached_property
    def symbols(self) -> list[Any]:
        """Real, and positive where the range is: equality is asked on the domain only."""
        return [
            sympy.Symbol(v.name, positive=True)
            if v.low >= 0
            else sympy.Symbol(v.name, real=True)
            for v in self.variables
        ]

    @cached_property
    def truth(self) -> Any:
        return self.read(self.expression)

    @cached_property
    def function(self) -> Callable[[np.ndarray], np.ndarray]:
        # Evaluated with plain symbols: "positive" would drop an Abs that extrapolation,
        # which leaves the range, needs.
        symbols = [sympy.Symbol(v.name, real=True) for v in self.variables]
        names = {symbol.name: symbol for symbol in symbols}
        return numeric(symbols, parse(self.expression, names))

    def read(self, text: str) -> Any:
        """An expression in the problem's variables."""
        return parse(text, {symbol.name: symbol for symbol in self.symbols})

    def draw(self, rows: int = 200, seed: int = 0, noise: float = 0.0) -> Data:
        """Training, test and extrapolation rows on which the truth is finite.

        Noise is SRBench's: normal, ``noise`` times the root mean square of y, on the
        training targets only.
        """
        rng = np.random.default_rng([seed, zlib.crc32(self.key.encode())])
        X, y = self._finite(self._training_rows(rng, rows), rows)
        columns = [v.draw(rng, 4 * rows) for v in self.variables]
        X_test, y_test = self._finite(np.stack(columns, axis=1), rows)
        X_wide, y_wide = self._finite(self._wide_rows(rng, rows), rows)
        sigma = noise * np.sqrt(np.mean(y**2))
        y = y + rng.normal(0, sigma, len(y)) if sigma > 0 else y
        return Data(X, y, X_test, y_test, X_wide, y_wide)

    def _training_rows(self, rng: np.random.Generator, rows: int) -> np.ndarray:
        if any(v.dist == "grid" for v in self.variables):
            columns = [np.linspace(v.low, v.high, rows) for v in self.variables]
            return np.stack([rng.permutation(column) for column in columns], axis=1)
        # "trajectory_bounds" are the bounds of a simulated trajectory, sampled evenly.
        return np.stack([v.draw(rng, 4 * rows) for v in self.variables], axis=1)

    def _wide_rows(self, rng: np.random.Generator, rows: int) -> np.ndarray:
        columns = [v.draw(rng, 40 * rows, WIDER) for v in self.variables]
        X = np.stack(columns, axis=1)
        low = np.array([v.low for v in self.variables])
        high = np.array([v.high for v in self.variables])
        return X[((low > X) | (high < X)).any(axis=1)]

    def _finite(self, X: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
        y = self.function(X)
        finite = np.isfinite(y)
        return X[finite][:rows], y[finite][:rows]


def load(suites: list[str] | None = None, file: str = DEVELOPMENT) -> list[Problem]:
    """All problems of ``problems/FILE.json``, or those of some suites."""
    records = json.loads((FOLDER / f"{file}.json").read_text("utf-8"))
    found = {record["suite"] for record in records}
    unknown = set(suites or ()) - found
    if unknown:
        raise ValueError(f"unknown suite {sorted(unknown)}; there are {sorted(found)}")
    return [_problem(r) for r in records if not suites or r["suite"] in suites]


def find(key: str) -> Problem:
    """The problem of this key, in whichever file it is."""
    files = sorted(file.stem for file in FOLDER.glob("*.json"))
    return next(p for file in files for p in load(file=file) if p.key == key)


def _problem(record: dict[str, Any]) -> Problem:
    return Problem(
        record["suite"],
        record["name"],
        record["expression"],
        tuple(_variable(v) for v in record["variables"]),
        record["source"],
        record["licence"],
        _units(record.get("target", {})),
        tuple(Constant(**c) for c in record.get("constants", ())),
    )


def _variable(record: dict[str, Any]) -> Variable:
    return Variable(**{**record, "units": _units(record)})


def _units(record: dict[str, Any]) -> tuple[int, ...] | None:
    return tuple(record["units"]) if "units" in record else None
