"""Physical constants that a user names, with the values that pint's registry has."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..graph.spelling import did_you_mean
from .unit_systems import DIGITS, GivenConstant
from .unit_texts import registry_of_units
from .units import parsed_unit, sized

#: Usual symbols of constants: what pint calls them, and the unit in which they are given.
#: Pint's own symbols are those of units, too: its h is an hour and its g a gram.
KNOWN = {
    "c": ("speed_of_light", "m/s"),
    "h": ("planck_constant", "J*s"),
    "hbar": ("dirac_constant", "J*s"),
    "k_B": ("boltzmann_constant", "J/K"),
    "N_A": ("avogadro_constant", "1/mol"),
    "R": ("molar_gas_constant", "J/(mol*K)"),
    "e": ("elementary_charge", "C"),
    "F": ("faraday_constant", "C/mol"),
    "epsilon_0": ("vacuum_permittivity", "F/m"),
    "mu_0": ("vacuum_permeability", "N/A**2"),
    "alpha": ("fine_structure_constant", ""),
    "G": ("newtonian_constant_of_gravitation", "m**3/(kg*s**2)"),
    "g": ("standard_gravity", "m/s**2"),
    "sigma": ("stefan_boltzmann_constant", "W/(m**2*K**4)"),
    "R_inf": ("rydberg_constant", "1/m"),
    "mu_B": ("bohr_magneton", "J/T"),
    "m_e": ("electron_mass", "kg"),
    "m_p": ("proton_mass", "kg"),
    "m_n": ("neutron_mass", "kg"),
    "m_u": ("atomic_mass_constant", "kg"),
}
_BY_NAME = KNOWN | {known[0]: known for known in KNOWN.values()}
#: Most constants of a fit, and characters of one.
MOST_NAMED, _LONGEST = 50, 200
#: A number and a unit, of which one may be missing.
_QUANTITY = re.compile(
    r"\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)?\s*\*?\s*(\S.*|)"
)
_REMEDY = (
    "give a text such as '1.2 kg', a quantity of pint, a number for a pure one, or None "
    "for the value that pint has"
)


def constants_given(constants: Any, columns: Sequence[str]) -> tuple[GivenConstant, ...]:
    """The constants that the parameter ``constants`` names.

    Parameters
    ----------
    constants : iterable of str, mapping from names to values, or None
    columns : sequence of str
        Names of the columns of X, which no constant may have.

    Raises
    ------
    ValueError, TypeError
        If a name is unknown or taken, or a value is none.
    ImportError
        If pint is not installed.
    """
    pairs = _pairs(constants)
    if len(pairs) > MOST_NAMED:
        raise ValueError(
            f"constants has {len(pairs)} names, at most {MOST_NAMED} are searched with; "
            "leave out those that cannot matter"
        )
    for name, _ in pairs:
        _check_name(name, columns)
    names = [name for name, _ in pairs]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"constants names {twice[0]!r} twice; leave one out")
    return tuple(_known(n) if v is None else _of_ones_own(n, v) for n, v in pairs)


def check_constants(constants: Any) -> None:
    """Raise where ``constants`` has not the form of names, whatever the data are."""
    _pairs(constants)


def _pairs(constants: Any) -> list[tuple[Any, Any]]:
    if constants is None:
        return []
    if isinstance(constants, Mapping):
        return list(constants.items())
    if isinstance(constants, (str, bytes)) or not isinstance(constants, Iterable):
        raise TypeError(
            "constants must be a sequence of names such as ('c', 'h') or a dict such as "
            f"{{'mu': '1.2 kg'}}, got {constants!r}"
        )
    return [(name, None) for name in constants]


def _check_name(name: Any, columns: Sequence[str]) -> None:
    if not isinstance(name, str):
        raise TypeError(
            f"constants must have names that are text, such as 'c', got {name!r} of type "
            f"{type(name).__name__}"
        )
    if not name.isidentifier() or keyword.iskeyword(name) or len(name) > _LONGEST:
        raise ValueError(
            f"constants: a name must be one word such as 'c' or 'k_B', got "
            f"{name[:_LONGEST]!r}; rename it"
        )
    if name in columns:
        raise ValueError(
            f"constants names {name!r}, which is a column of X, too; rename the column, or "
            "give the constant another name, as in {'" + name + "0': '1.2 kg'}"
        )


def _known(name: str) -> GivenConstant:
    """A constant with the value of pint's registry."""
    if name not in _BY_NAME:
        raise ValueError(
            f"constants names {name!r}, which is not a known physical constant"
            f"{did_you_mean(name, _BY_NAME, ';')} known are {', '.join(KNOWN)}; give "
            f"others with their value, as in {{{name!r}: '1.2 kg'}}"
        )
    known, unit = _BY_NAME[name]
    registry = registry_of_units()
    value = registry.Quantity(1.0, known).to(unit).magnitude
    return _given(name, float(f"{value:.{DIGITS}g}"), registry.Unit(unit))


def _of_ones_own(name: str, value: Any) -> GivenConstant:
    """A constant whose value is given."""
    amount, unit = value, ""
    if isinstance(value, str):
        number, unit = _split(value)
        amount = float(number or 1)
    elif hasattr(value, "magnitude") and hasattr(value, "units"):
        amount, unit = value.magnitude, value.units
    if not _is_number(amount):
        raise TypeError(
            f"constants: {name!r} must be one real number with a unit, got {value!r} of "
            f"type {type(value).__name__}; {_REMEDY}"
        )
    return _given(name, float(amount), parsed_unit("constants", unit, name))


def _split(text: str) -> tuple[str, str]:
    """The number and the unit of a text such as "1.2e-3 kg/s"."""
    found = _QUANTITY.fullmatch(text)
    return ("", text) if found is None else (found[1] or "", found[2])


def _is_number(value: Any) -> bool:
    if isinstance(value, (bool, complex, str)) or value is None:
        return False
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return not getattr(value, "ndim", 0)


def _given(name: str, amount: float, unit: Any) -> GivenConstant:
    if not math.isfinite(amount) or amount == 0:
        raise ValueError(
            f"constants: {name!r} must be finite and not zero, got {amount}; leave it out"
        )
    registry = unit._REGISTRY
    _, base = registry.get_base_units(unit)
    bases = tuple(sized(registry.Unit(part)) for part in base._units)
    return GivenConstant(name, amount, sized(unit), bases)
