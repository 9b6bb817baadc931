"""Units as text: as files keep them, as readers like them, as LaTeX takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ..equations.printing import latex_name
from .unit_systems import spelled

#: Longer texts are no units.
LONGEST = 200
#: How many times smaller the largest denominator of an exponent may be to be written out.
_LARGEST_DENOMINATOR = 12
#: How pint writes units without blanks, and one of their factors.
_POWER = r"(?:\*\*(-?[0-9]{1,9}(?:\.[0-9]{1,17})?(?:e[+-]?[0-9]{1,3})?))?"
_NAME = r"[^\W\d]\w{0,99}"
_PRODUCT = re.compile(rf"(?:1|{_NAME}{_POWER})(?:[*/]{_NAME}{_POWER}){{0,100}}")
_FACTOR = re.compile(rf"([*/])({_NAME}){_POWER}")


def rational(exponent: float) -> float | int:
    """An exponent as a whole number where it is one, else as near as it is written."""
    near = Fraction(exponent).limit_denominator(_LARGEST_DENOMINATOR)
    value = float(near) if abs(near - exponent) < 1e-9 else round(exponent, 12)
    return int(value) if value == int(value) else value


def factors(text: str) -> dict[str, float]:
    """Units and their powers in a text such as "meter/second**2", as `Units` keeps them.

    Raises
    ------
    ValueError
        If the text has another form; nothing in it is evaluated.
    """
    if not text:
        return {}
    if not _PRODUCT.fullmatch(text):
        raise ValueError(f"must be a product of powers of units, got {text[:LONGEST]!r}")
    found: dict[str, float] = {}
    for sign, name, power in _FACTOR.findall(text if text[0] == "1" else f"*{text}"):
        exponent = float(power or 1) * (-1 if sign == "/" else 1)
        found[name] = found.get(name, 0) + exponent
    return found


def as_text(powers: Mapping[str, float]) -> str:
    """A product of powers of units as "m/s²"; names in full where pint knows no others."""
    unit = _unit_of(powers)
    if unit is None:
        return spelled(powers)
    # Superscripts of fractions could not be read again.
    whole = all(power == int(power) for power in powers.values())
    return f"{unit:~P}" if whole else f"{unit:~C}"


def shown_unit(text: str, latex: bool) -> str:
    """A unit as `Units` keeps it, such as "meter/second", in the form of `Units.text`."""
    powers = {name: rational(power) for name, power in factors(text).items()}
    if latex:
        return in_latex(powers, {})
    return as_text(powers) if powers else ""


def in_latex(powers: Mapping[str, float], unknown: Mapping[str, float]) -> str:
    """A unit as siunitx takes it: macros, or literal where it has none for a part."""
    unit = _unit_of(powers)
    if unit is not None and not unknown:
        macros = f"{unit:Lx}".removeprefix(r"\si[]{").removesuffix("}")
        return macros.replace("delta_", "").replace("_", "")  # siunitx: \electronvolt
    parts = {f"[{latex_name(name)}]": power for name, power in unknown.items()}
    parts |= {latex_name(name): power for name, power in powers.items()}
    return ".".join(
        part if power == 1 else f"{part}^{{{power:g}}}" for part, power in parts.items()
    )


def _unit_of(powers: Mapping[str, float]) -> Any:
    """The unit of pint; None without pint, or where its registry lacks a unit.

    A file may have been written with a registry that has units of its own.
    """
    try:
        registry = registry_of_units()
    except ImportError:
        return None
    if not all(name in registry for name in powers):
        return None
    return registry.Unit(registry.UnitsContainer(powers))


def raised(name: str, power: float) -> str:
    return name if power == 1 else f"{name}^{power:g}"


def registry_of_units() -> Any:
    """The registry of pint that the application uses.

    Raises
    ------
    ImportError
        If pint is not installed.
    """
    try:
        import pint
    except ImportError:
        raise ImportError(
            "units need the package pint: pip install 'autora-skl-darts[units]'"
        ) from None
    return pint.get_application_registry()
