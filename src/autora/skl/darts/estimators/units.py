"""Units of the columns, as users write them, and of the coefficients, as readers like them.

Pint knows the units; it is imported where units are given and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..fitting.derivatives import Place
from ..fitting.problem import Problem
from ..graph.dimensions import Dimensions, rank
from ..graph.formula_dimensions import constant_units
from ..graph.grammar import Theory
from ..graph.model import Model
from ..graph.physical_constants import PhysicalConstant
from ..graph.specification import Specification
from ..search.dimensions import agrees, coefficient_units
from .unit_systems import GivenConstant, SizedUnit, placed
from .unit_texts import (
    LONGEST,
    as_text,
    factors,
    in_latex,
    raised,
    rational,
    registry_of_units,
)

#: The unit of a coefficient that units leave open.
UNKNOWN = "?"
#: Where units stand in the names of columns, as in "distance (m)" and "time [s]".
FROM_NAMES = "from_names"
_IN_A_NAME = re.compile(r".*\S\s*[(\[]([^()\[\]]*)[)\]]\s*$")
#: The size of a unit as a power of ten, in coherent units.
_TEN = "10"


@dataclass(frozen=True)
class Units:
    """Units of the columns of a fit.

    Parameters
    ----------
    inputs, outputs : tuple of (str or None)
        As pint writes them; "" is a number, None an unknown unit. Physical constants that
        equations may contain follow the columns of X.
    dimensions : Dimensions
    """

    inputs: tuple[str | None, ...]
    outputs: tuple[str | None, ...]
    dimensions: Dimensions

    def text(self, exponents: np.ndarray, names: Sequence[str], latex: bool = False) -> str:
        """The unit that has these exponents of the units of the columns.

        Parameters
        ----------
        exponents : ndarray of shape (inputs + outputs,)
        names : sequence of str
            Of the columns; that of one without a unit stands for its unit, in brackets.
        latex : bool, default=False
            For the second argument of siunitx's ``\\qty``, else as in "m/s²".
        """
        if not np.isfinite(exponents).all():
            return UNKNOWN
        powers: dict[str, float] = {}
        unknown: dict[str, float] = {}
        columns = zip(exponents.tolist(), self.inputs + self.outputs, names, strict=True)
        for exponent, known, name in columns:
            power = rational(exponent)
            if known is None:
                unknown[name] = power
            for unit, own in factors(known or "").items():
                powers[unit] = powers.get(unit, 0) + own * power
        powers = {unit: exact for unit in powers if (exact := rational(powers[unit]))}
        unknown = {name: power for name, power in unknown.items() if power}
        if latex:
            return in_latex(powers, unknown)
        own_units = [raised(f"[{name}]", power) for name, power in unknown.items()]
        return " ".join([*own_units, *([as_text(powers)] if powers else [])])

    def of_columns(self, names: Sequence[str], latex: bool = False) -> list[str]:
        """The units of the inputs and then of the outputs, as `text` writes them.

        Parameters
        ----------
        names : sequence of str
            Of the columns, inputs first.
        latex : bool, default=False
        """
        rows = np.eye(len(self.inputs) + len(self.outputs))
        return [self.text(row, names, latex) for row in rows]

    def agree(self, model: Model) -> bool:
        """Whether the coefficients of a model can be given units."""
        return agrees(model, self.dimensions)

    def of_coefficients(
        self,
        model: Model,
        where: Sequence[Place],
        names: Sequence[str],
        outputs: Sequence[str],
        latex: bool = False,
    ) -> list[str]:
        """The units of coefficients as text, "" for a number."""
        columns = [*names, *outputs]
        rows = coefficient_units(model, self.dimensions, where)
        return [self.text(row, columns, latex) for row in rows]

    def agree_in(self, theory: Theory, constants: np.ndarray) -> bool:
        """Whether the named constants of a theory can be given units.

        It is asked of the theory as it is written, not of its graph, in which numbers
        have moved: ln(x/d) holds for any unit of x, ln(x) does not.
        """
        return constant_units(theory, constants, self.dimensions) is not None

    def of_constants(
        self,
        theory: Theory,
        constants: np.ndarray,
        names: Sequence[str],
        outputs: Sequence[str],
        latex: bool = False,
    ) -> list[str]:
        """The units of a theory's constants as text; "?" where it leaves them open, or
        contradicts itself."""
        rows = constant_units(theory, constants, self.dimensions)
        if rows is None:
            return [UNKNOWN] * len(constants)
        return [self.text(row, [*names, *outputs], latex) for row in rows]


def units_of(
    X_units: Any,
    y_units: Any,
    names: Sequence[str],
    outputs: Sequence[str],
    numbers: bool,
    what: Specification,
    constants: Sequence[GivenConstant] = (),
) -> tuple[Units | None, tuple[PhysicalConstant, ...]]:
    """The units that were given, None where there are none, and constants in such units.

    Parameters
    ----------
    X_units : sequence, mapping from names of columns, "from_names" or None
    y_units : str, sequence of str, pint.Unit, "from_names" or None
    names, outputs : sequence of str
        Of the columns of X and y.
    numbers : bool
        Whether coefficients must be numbers.
    what : Specification
        What is fitted.
    constants : sequence of GivenConstant, default=()
        Those that equations may contain.

    Raises
    ------
    ValueError, TypeError
        If a unit is unknown or has an offset, or there are too many or too few.
    ImportError
        If pint is not installed.
    """
    given = _of_columns("X_units", X_units, names)
    wanted = _of_outputs(y_units, outputs)
    if all(unit is None for unit in (*given, *wanted)):
        _require_no_units(numbers, constants)
        return None, ()
    columns = [_sized_or_none("X_units", *pair) for pair in zip(given, names, strict=True)]
    targets = [
        _sized_or_none("y_units", *pair) for pair in zip(wanted, outputs, strict=True)
    ]
    known = [unit for unit in (*columns, *targets) if unit is not None]
    found = placed(constants, known)
    columns += [one.unit for one in found]
    exponents = _exponents([*columns, *targets])
    texts = [None if unit is None else unit.text for unit in (*columns, *targets)]
    count = len(columns)
    fixed = numbers or not what.train_readout
    dimensions = Dimensions(exponents[:count], exponents[count:], numbers, fixed)
    units = Units(tuple(texts[:count]), tuple(texts[count:]), dimensions)
    _check_fit(units, what)
    if numbers:
        _check_numbers(units, [*names, *(one.constant.name for one in found)])
    return units, tuple(one.constant for one in found)


def _require_no_units(numbers: bool, constants: Sequence[GivenConstant]) -> None:
    """Raise where something is asked for that needs units, which are not given."""
    what = "dimensionless_constants_only=True" if numbers else ""
    if constants:
        what = f"constants={tuple(constant.name for constant in constants)}"
    if what:
        raise ValueError(f"{what} needs to know the units: give X_units and y_units to fit")


def _of_columns(argument: str, units: Any, names: Sequence[str]) -> list[Any]:
    if units is None:
        return [None] * len(names)
    if isinstance(units, str):
        if units != FROM_NAMES:
            raise TypeError(
                f"{argument} must be a sequence with a unit for each of the {len(names)} "
                f"columns, a dict from names to units, or {FROM_NAMES!r}, got {units!r}"
            )
        found = [_IN_A_NAME.match(name) for name in names]
        if not any(found):
            raise ValueError(
                f"{argument}={FROM_NAMES!r} needs names of columns such as 'distance (m)', "
                f"got {list(names)}"
            )
        return [match and match[1] for match in found]
    if isinstance(units, Mapping):
        strange = [name for name in units if name not in names]
        if strange:
            raise ValueError(
                f"{argument} names {strange[0]!r}, which is not a column; the columns are "
                f"{list(names)}"
            )
        return [units.get(name) for name in names]
    units = list(units)
    if len(units) != len(names):
        raise ValueError(
            f"{argument} needs a unit for each of the {len(names)} columns "
            f"{list(names)}, None where it is not known, got {len(units)}: {units}"
        )
    return units


def _of_outputs(units: Any, outputs: Sequence[str]) -> list[Any]:
    if isinstance(units, (list, tuple, Mapping)) or units is None or units == FROM_NAMES:
        return _of_columns("y_units", units, outputs)
    return [units] * len(outputs)


def parsed_unit(argument: str, unit: Any, name: str) -> Any:
    """A unit of pint, from text or as it is.

    Parameters
    ----------
    argument, name : str
        What messages call the argument, and what has the unit.
    unit : str or pint.Unit

    Raises
    ------
    ValueError, TypeError
        If it is not a unit, or one that does not begin at zero.
    """
    registry = registry_of_units()
    if hasattr(unit, "dimensionality") and hasattr(unit, "_REGISTRY"):
        return _beginning_at_zero(argument, unit, name)
    if not isinstance(unit, str):
        raise TypeError(
            f"{argument} of {name!r} must be text such as 'm/s', a unit of pint or None, "
            f"got {unit!r} of type {type(unit).__name__}"
        )
    remedy = (
        "write it as pint does, as in 'kg*m/s**2', '' for a pure number; units of your own "
        "are defined in pint.get_application_registry()"
    )
    if len(unit) > LONGEST:
        raise ValueError(
            f"{argument} of {name!r} has {len(unit)} characters, more than {LONGEST}; "
            f"{remedy}"
        )
    try:
        found = registry.Unit(unit)
    except Exception as error:  # pint raises many kinds, assertions among them
        reason = f" ({error})" if str(error) else ""
        raise ValueError(
            f"{argument} of {name!r} is not a unit: {unit!r}{reason}; {remedy}"
        ) from error
    return _beginning_at_zero(argument, found, name)


def _beginning_at_zero(argument: str, unit: Any, name: str) -> Any:
    """The unit; degrees Celsius and decibels are refused."""
    registry = unit._REGISTRY
    _, base = registry.get_base_units(unit)
    if registry.convert(0.0, unit, base) != 0:
        raise ValueError(
            f"{argument} of {name!r}: the unit {unit} does not begin at zero, so that its "
            "values cannot be multiplied; convert them, as from degC to kelvin, or give "
            "delta_degC for differences"
        )
    return unit


def _exponents(units: Sequence[SizedUnit | None]) -> np.ndarray:
    """Rows of exponents, of ten first, then of base dimensions; NaN for unknown units."""
    found = [None if unit is None else _with_size(unit) for unit in units]
    others = {base for one in found if one is not None for base in one} - {_TEN}
    bases = [_TEN, *sorted(others)]
    return np.array(
        [[np.nan if one is None else one.get(base, 0.0) for base in bases] for one in found]
    )


def _with_size(unit: SizedUnit) -> dict[str, float]:
    return {**unit.exponents, _TEN: float(np.round(np.log10(unit.size), 9))}


def _sized_or_none(argument: str, unit: Any, name: str) -> SizedUnit | None:
    return None if unit is None else sized(parsed_unit(argument, unit, name))


def sized(unit: Any) -> SizedUnit:
    """What a fit needs to know of a unit of pint.

    Raises
    ------
    ValueError
        If the names in it could not be written again.
    """
    factor, _ = unit._REGISTRY.get_base_units(unit)
    exponents = {name: float(power) for name, power in unit.dimensionality.items()}
    text = f"{unit:C}"
    parts = factors("" if text == "dimensionless" else text)
    return SizedUnit(parts, exponents, float(factor))


def _check_numbers(units: Units, names: Sequence[str]) -> None:
    """Raise where no product of powers of the columns has the unit of an output.

    Raise, too, where units of one kind differ in size, as km and m: the factor between
    them is no number of the equation.
    """
    inputs, outputs = units.dimensions.inputs, units.dimensions.outputs
    if not units.dimensions.complete:
        return
    given = np.concatenate([inputs, outputs])
    if rank(given) > rank(given[:, 1:]):
        texts = ", ".join(sorted({u for u in units.inputs + units.outputs if u}))
        raise ValueError(
            "with dimensionless_constants_only=True units must go together without "
            f"factors, as m, s and m/s do, which {texts} do not; convert columns of one "
            "kind to one unit, as km to m"
        )
    powers = np.linalg.lstsq(inputs.T, outputs.T, rcond=None)[0]
    if not np.allclose(inputs.T @ powers, outputs.T, atol=1e-6):
        pairs = zip(names, units.inputs, strict=True)
        columns = ", ".join(f"{name} ({unit or 'a number'})" for name, unit in pairs)
        raise ValueError(
            f"y in {units.outputs[0] or 'pure numbers'} cannot be made of {columns} with "
            "pure numbers only; set dimensionless_constants_only=False, add the column or "
            "name in constants the physical constant that is missing, or convert columns "
            "of one kind to one unit, as km to m"
        )


def with_units(problem: Problem, units: Units | None) -> Problem:
    """The problem with the units of its columns; a constant may contradict them."""
    if units is None:
        return problem
    intercept = problem.train_bias and units.dimensions.allows_constant
    return problem._replace(dimensions=units.dimensions, train_bias=intercept)


def _check_fit(units: Units, what: Specification) -> None:
    """Raise where units do not apply to what is fitted."""
    if not what.searches_openly:
        raise ValueError(
            "X_units and y_units need the automatic search, which "
            f"num_graph_nodes={what.n_nodes} switches off; set num_graph_nodes='auto' or "
            "leave the units out"
        )
    dimensions = units.dimensions
    if not what.objective.least_squares and np.any(np.nan_to_num(dimensions.outputs)):
        raise ValueError(
            f"y_units={units.outputs[0]!r}: probabilities are pure numbers; leave y_units "
            "out or give ''"
        )
    if dimensions.numbers_only and what.n_outputs > 1:
        raise ValueError(
            f"dimensionless_constants_only=True is for one output, got {what.n_outputs}; "
            "fit one estimator for each column of y"
        )
