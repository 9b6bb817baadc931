"""In which units physical constants join the columns of a table.

Nothing is converted in a fit, and a factor between units is no number of a law: with masses
in g and energies in J, E = m·c² holds if c is in √(J/g). Each constant is therefore taken
in a unit that is made of those of the columns, beside them of base units where they do not
suffice. It keeps its own unit where that has the same size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from ..graph.physical_constants import PhysicalConstant

#: How much two sizes of the same unit may differ.
_SAME_SIZE = 1e-9
#: Digits to which values are rounded that were computed from sizes of units.
DIGITS = 15
#: Exponents are parts of this, as halves and thirds, up to rounding.
_PARTS, _ROUNDING = 12, 1e-9


class SizedUnit(NamedTuple):
    """A unit, its exponents of dimensions and its size in base units."""

    parts: Mapping[str, float]  #: the powers of pint's units that it is a product of
    exponents: Mapping[str, float]
    size: float

    @property
    def text(self) -> str:
        """As pint reads it, "" for a number."""
        return spelled(self.parts) if self.parts else ""


class GivenConstant(NamedTuple):
    """A constant as it was named."""

    name: str
    amount: float
    unit: SizedUnit
    bases: tuple[SizedUnit, ...]  #: base units of its dimensions


class Placed(NamedTuple):
    """A constant in the units of a fit."""

    constant: PhysicalConstant
    unit: SizedUnit


def placed(given: Sequence[GivenConstant], columns: Sequence[SizedUnit]) -> list[Placed]:
    """Constants in units that go with those of the columns.

    Where columns have units of one kind and several sizes, the first of them counts.

    Raises
    ------
    ValueError
        If a value is too large or small for double precision there.
    """
    bases = [base for constant in given for base in constant.bases]
    names = sorted({name for unit in (*columns, *bases) for name in unit.exponents})
    own, every = _independent(columns, names), _independent([*columns, *bases], names)
    found: list[tuple[float, list[list[float]], list[SizedUnit]]] = []
    for added in combinations(_distinct(bases), len(every) - len(own)):
        system = _independent([*own, *added], names)
        if len(system) == len(every):
            powers = [_powers(constant.unit, system, names) for constant in given]
            found.append((_price(powers), powers, system))
    _, powers, system = min(found, key=lambda entry: entry[0])
    pairs = zip(given, powers, strict=True)
    return [_in_system(constant, system, own_powers) for constant, own_powers in pairs]


def _distinct(units: Sequence[SizedUnit]) -> list[SizedUnit]:
    return list({unit.text: unit for unit in units}.values())


def _price(powers: Sequence[Sequence[float]]) -> float:
    """Small whole exponents are read best."""
    flat = np.array([power for row in powers for power in row])
    return float(np.abs(flat).sum() + 10 * np.count_nonzero(flat % 1))


def _row(unit: SizedUnit, names: Sequence[str]) -> list[float]:
    return [unit.exponents.get(name, 0.0) for name in names]


def _independent(units: Sequence[SizedUnit], names: Sequence[str]) -> list[SizedUnit]:
    """The first units of which none is a product of powers of the others."""
    found: list[SizedUnit] = []
    for unit in units:
        rows = np.array([_row(known, names) for known in (*found, unit)])
        if rows.size and np.linalg.matrix_rank(rows) > len(found):
            found.append(unit)
    return found


def _powers(
    unit: SizedUnit, system: Sequence[SizedUnit], names: Sequence[str]
) -> list[float]:
    """The powers of units of the system whose product has the dimension of a unit."""
    rows = np.array([_row(known, names) for known in system]).reshape(-1, len(names))
    solved = np.linalg.lstsq(rows.T, np.array(_row(unit, names)), rcond=None)[0]
    near = np.round(solved * _PARTS) / _PARTS
    exact: list[float] = np.where(np.abs(solved - near) < _ROUNDING, near, solved).tolist()
    return exact


def _in_system(
    given: GivenConstant, system: Sequence[SizedUnit], powers: Sequence[float]
) -> Placed:
    """A constant in the product of powers of units that has its dimension."""
    own = given.unit
    size, parts = 1.0, dict[str, float]()
    for unit, power in zip(system, powers, strict=True):
        size *= unit.size**power
        for name, exponent in unit.parts.items():
            parts[name] = parts.get(name, 0.0) + exponent * power
    if np.isclose(size, own.size, rtol=_SAME_SIZE, atol=0):
        return _of(given, given.amount, own)
    parts = {name: power for name, power in parts.items() if power}
    value = float(f"{given.amount * own.size / size:.{DIGITS}g}")
    return _of(given, value, SizedUnit(parts, own.exponents, size))


def spelled(powers: Mapping[str, float]) -> str:
    """A product of powers of units with their names in full, as "meter/second**2"."""
    above = [_raised(name, power) for name, power in powers.items() if power > 0]
    below = [_raised(name, -power) for name, power in powers.items() if power < 0]
    return "/".join(["*".join(above) or "1", *below])


def _raised(name: str, power: float) -> str:
    exact = f"{power:g}" if float(f"{power:g}") == power else repr(power)
    return name if power == 1 else f"{name}**{exact}"


def _of(given: GivenConstant, value: float, unit: SizedUnit) -> Placed:
    if not np.isfinite(value) or value == 0:
        raise ValueError(
            f"constants: {given.name!r} is {value} in {unit.text or 'pure numbers'}, the "
            "unit that goes with the columns: double precision cannot hold it; measure "
            "the columns in other units"
        )
    constant = PhysicalConstant(given.name, value, given.amount, given.unit.text)
    return Placed(constant, unit)
