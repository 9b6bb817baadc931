"""The table of primitives: one record per function that an edge may apply.

A formula is written once, against a namespace ``m`` of elementary functions
(``m.exp``, ...), and read by every interpreter: NumPy for predictions, JAX for the relaxed
search, jets for derivatives in the refit, SymPy for equations. They can therefore never
disagree about what a primitive means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .elementary import ELEMENTARY, Elementary, Inverse, everywhere
from .spelling import did_you_mean

#: What a coefficient does in a formula; this decides where its search starts.
PARAM_KINDS = ("slope", "shift", "shape", "exponent")

#: What a variant of a function applies it to, and the coefficients that this takes.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "scaled": ("slope",),
    "shifted": ("shift",),
    "linear": ("slope", "shift"),
}


@dataclass(frozen=True)
class Primitive:
    """One function an edge may apply to its source.

    Parameters
    ----------
    name : str
        How users spell it.
    formula : callable
        ``formula(m, x, *coefficients)``, elementwise, using only + − * / **, abs() and the
        functions of the namespace ``m``: exp, log, sqrt, power(x, a) = |x|^a (x^a for
        odd a), sin, cos, tanh, abs, maximum, minimum, expit (the logistic function) and
        softplus.
    params : tuple of str, default=()
        The kind of each coefficient: ``"slope"`` starts in ±1 in units of the source,
        ``"shift"`` in ±1, ``"shape"`` at 1, ``"exponent"`` at usual ones.
    domain : callable, default=everywhere
        ``domain(x, *coefficients)``: where the formula is defined.
    smooth : bool, default=False
        True when value and derivative are finite at every finite argument: no guard.
    base : str, default=name
        Name of the plain function that this is a variant of.
    argument : {"plain", "scaled", "shifted", "linear"}, default="plain"
        What the function is applied to: x, a·x, x + b or a·x + b; ``params`` begins with a
        and b.
    even : bool, default=False
        Whether f(−x) = f(x), so that a sign of the argument does not matter.
    exponent : float, default=None
        p where the function is c·x^p.
    factor : float, default=1
        c where the function is c·x^p.
    homogeneous : bool, default=False
        Whether f(λ·x) = λ·f(x) for λ > 0, its shape, if it has one, divided by λ.
    period : float, default=None
        Period of the plain function; with it the search finds the lowest frequency that
        fits.
    inverse : Inverse, default=None
        How the function is solved for its argument; the search then also looks for
        equations of the argument.
    function : Elementary, default=None
        The elementary function that the plain one is.
    """

    name: str
    formula: Callable[..., Any]
    params: tuple[str, ...] = ()
    domain: Callable[..., Any] = everywhere
    smooth: bool = False
    base: str = ""
    argument: str = "plain"
    even: bool = False
    exponent: float | None = None
    factor: float = 1.0
    homogeneous: bool = False
    period: float | None = None
    inverse: Inverse | None = None
    function: Elementary | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", self.base or self.name)

    @property
    def n_params(self) -> int:
        return len(self.params)

    @property
    def straight(self) -> bool:
        """Whether it is a straight line in x, whatever the coefficients."""
        return self.plain.exponent == 1

    @property
    def degree(self) -> float | None:
        """p where f(λ·x) = λ^p·f(x) for λ > 0; None where there is no such p."""
        return 1.0 if self.homogeneous else self.exponent

    @property
    def exponential(self) -> bool:
        """Whether a shift of its argument is a factor of its values."""
        inverse = self.plain.inverse
        return inverse is not None and inverse.absorbs_shift

    @property
    def plain(self) -> Primitive:
        """The plain function that it applies, without what it does to its argument."""
        own = self.argument == "plain" or self.base == self.name
        return self if own else lookup(self.base)

    def __call__(self, m: Any, x: Any, *coefs: Any) -> Any:
        return self.formula(m, x, *coefs)

    def __reduce__(self) -> tuple[Any, ...]:
        # Formulas are lambdas, which cannot be pickled: a record travels by its name.
        return (lookup, (self.name,))

    def __repr__(self) -> str:
        return f"Primitive({self.name!r})"


def _of(base: Primitive, argument: str, name: str = "") -> Primitive:
    """A variant of a primitive: its argument becomes a·x, x + b or a·x + b."""
    kinds = ARGUMENTS[argument]

    def inner(x: Any, coefs: tuple) -> Any:
        if argument == "shifted":
            return x + coefs[0]
        return coefs[0] * x + coefs[1] if argument == "linear" else coefs[0] * x

    def formula(m: Any, x: Any, *coefs: Any) -> Any:
        return base.formula(m, inner(x, coefs), *coefs[len(kinds) :])

    def domain(x: Any, *coefs: Any) -> Any:
        return base.domain(inner(x, coefs), *coefs[len(kinds) :])

    return Primitive(
        name or f"{argument}_{base.name}",
        formula,
        kinds + base.params,
        domain,
        base.smooth,
        base.name,
        argument,
        period=base.period,
        inverse=base.inverse,
        function=base.function,
    )


def _elementary(
    function: str, name: str = "", params: tuple[str, ...] = (), **facts: Any
) -> Primitive:
    """The primitive that is an elementary function, with all that is known of it."""
    record = ELEMENTARY[function]
    return Primitive(
        name or function,
        lambda m, *args: getattr(m, function)(*args),
        params,
        record.domain,
        record.smooth,
        even=record.parity == 1,
        period=record.period,
        inverse=record.inverse,
        function=record,
        **facts,
    )


#: x itself, of which a·x, x + b and a·x + b are variants.
IDENTITY = Primitive("add", lambda m, x: x, smooth=True, exponent=1.0)
#: |x|^a with a fitted exponent.
POWER = _elementary("power", params=("exponent",))
_IDENTITIES = (
    Primitive("none", lambda m, x: 0 * x, smooth=True),
    IDENTITY,
    Primitive("subtract", lambda m, x: -x, smooth=True, exponent=1.0, factor=-1.0),
    _of(IDENTITY, "scaled", "mult"),
    _of(IDENTITY, "linear", "linear"),
    _of(IDENTITY, "shifted", "shift"),
)
_PLAIN = {
    p.name: p
    for p in (
        Primitive("relu", lambda m, x: m.maximum(x, 0), smooth=True, homogeneous=True),
        _elementary("expit", "logistic"),
        _elementary("exp"),
        _elementary("cos"),
        _elementary("sin"),
        _elementary("tanh"),
        Primitive(
            "reciprocal",
            lambda m, x: 1 / x,
            domain=lambda x: x != 0,
            exponent=-1.0,
            inverse=Inverse(np.reciprocal, np.square, homogeneous=True),
        ),
        _elementary("log", "ln"),
        Primitive(
            "softplus",
            lambda m, x, beta: m.softplus(beta * x) / beta,
            ("shape",),
            lambda x, beta: beta != 0,
            homogeneous=True,
        ),
        Primitive(
            "softminus",
            lambda m, x, beta: x - m.softplus(beta * x) / beta,
            ("shape",),
            lambda x, beta: beta != 0,
            homogeneous=True,
        ),
        Primitive("square", lambda m, x: x**2, even=True, exponent=2.0),
        _elementary("sqrt", exponent=0.5),
        POWER,
    )
}
#: The variants of every function; a scale or shift that would be redundant is left out:
#: exp(x + b) is a multiple of exp(x), |a·x|^p one of |x|^p.
_VARIANTS = {
    "linear": ("relu", "logistic", "exp", "cos", "sin", "tanh", "square", "sqrt"),
    "scaled": ("logistic", "exp", "cos", "sin", "tanh"),
    "shifted": ("reciprocal", "ln", "square", "sqrt", "power"),
}
#: Functions whose ``linear_*`` has a scale but no shift, as in autora-theorist-darts.
_LINEAR_IS_SCALED = ("reciprocal", "ln", "softplus", "softminus")

_TABLE: dict[str, Primitive] = {
    p.name: p
    for p in (
        *_IDENTITIES,
        *_PLAIN.values(),
        *(_of(_PLAIN[n], "scaled", f"linear_{n}") for n in _LINEAR_IS_SCALED),
        *(_of(_PLAIN[n], kind) for kind, names in _VARIANTS.items() for n in names),
    )
}
_BUILT_IN = frozenset(_TABLE)
_SPELLINGS = {"zero": "none"}

#: The default vocabulary.
PRIMITIVES = (
    "none", "add", "subtract", "linear", "linear_logistic", "mult", "linear_relu",
)  # fmt: skip

#: The vocabulary of the automatic mode: what equations of science are made of.
SCIENCE: tuple[str, ...] = (
    "none", "add", "subtract", "mult", "shift", "linear", "square", "sqrt",
    "shifted_sqrt", "reciprocal", "shifted_reciprocal", "power", "shifted_power",
    "exp", "scaled_exp", "ln", "shifted_ln", "sin", "scaled_sin", "linear_sin", "cos",
    "scaled_cos", "tanh", "scaled_tanh", "linear_tanh", "logistic", "scaled_logistic",
    "linear_logistic", "relu", "linear_relu",
)  # fmt: skip


def builtin() -> tuple[Primitive, ...]:
    """The records that come with the package."""
    return tuple(p for name, p in _TABLE.items() if name in _BUILT_IN)


def is_registered(primitive: Primitive) -> bool:
    """Whether the table has this very record."""
    return _TABLE.get(primitive.name) is primitive


def known_primitives() -> tuple[str, ...]:
    """Names of all primitives, built in and registered."""
    return tuple(_TABLE)


def lookup(name: str | Primitive) -> Primitive:
    """The record behind a name.

    Raises
    ------
    ValueError
        If no primitive has that name; the message lists the known ones.
    TypeError
        If ``name`` is neither a string nor a `Primitive`.
    """
    if isinstance(name, Primitive):
        return name
    if not isinstance(name, str):
        raise TypeError(
            f"a primitive is a name or a Primitive, got {name!r} "
            f"of type {type(name).__name__}"
        )
    try:
        return _TABLE[_SPELLINGS.get(name, name)]
    except KeyError:
        raise ValueError(
            f"unknown primitive {name!r}{did_you_mean(name, _TABLE)} Known primitives: "
            f"{', '.join(_TABLE)}. Your own can be added with register_primitive()."
        ) from None


def monomial(exponent: float, factor: float = 1.0) -> Primitive | None:
    """The built-in function factor · x^exponent, if there is one."""
    wanted = exponent, factor
    return next((p for p in builtin() if (p.exponent, p.factor) == wanted), None)


def forms(plain: Primitive | None, vocabulary: Iterable[Primitive]) -> dict[str, Primitive]:
    """The primitives of a vocabulary that apply a plain function, by their argument."""
    base = None if plain is None else plain.base
    return {p.argument: p for p in vocabulary if p.base == base}


def variants(primitive: str | Primitive) -> tuple[Primitive, ...]:
    """All primitives that apply the same plain function, plain ones first.

    Examples
    --------
    >>> variants("linear_sin")
    (Primitive('sin'), Primitive('scaled_sin'), Primitive('linear_sin'))
    """
    base, order = lookup(primitive).base, list(ARGUMENTS)
    same = [p for p in _TABLE.values() if p.base == base]
    return tuple(sorted(same, key=lambda p: order.index(p.argument)))


def resolve(names: Iterable[str | Primitive]) -> tuple[Primitive, ...]:
    """The vocabulary behind ``primitives=``: records in order, checked.

    Raises
    ------
    TypeError
        If ``names`` is a single string or not iterable.
    ValueError
        If it is empty, has an unknown name, a duplicate, or nothing but "none".
    """
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError(
            f"primitives must be a sequence of names such as {list(PRIMITIVES)}, "
            f"got {names!r}"
        )
    records = tuple(lookup(name) for name in names)
    seen = [record.name for record in records]
    duplicates = sorted({name for name in seen if seen.count(name) > 1})
    if duplicates:
        raise ValueError(
            f"primitives has duplicates: {duplicates} in {seen}; name each one once "
            "('zero' is another spelling of 'none')"
        )
    if not [name for name in seen if name != "none"]:
        raise ValueError(
            f"primitives={seen} leaves nothing to search for; name at least one of: "
            f"{', '.join(n for n in _TABLE if n != 'none')}"
        )
    return records


def add(primitive: Primitive) -> bool:
    """Put a checked primitive into the table; whether another of its name was there.

    Raises
    ------
    ValueError
        If the name is no identifier, a spelling of another one or built in.
    """
    if not primitive.name.isidentifier():
        raise ValueError(f"name={primitive.name!r} must be a Python identifier")
    if primitive.name in _SPELLINGS:
        raise ValueError(
            f"name={primitive.name!r} is a spelling of "
            f"{_SPELLINGS[primitive.name]!r}; choose another name"
        )
    before = _TABLE.get(primitive.name)
    if primitive.name in _BUILT_IN and before is not primitive:
        raise ValueError(f"name={primitive.name!r} is built in; choose another name")
    _TABLE[primitive.name] = primitive
    return before is not None and before is not primitive
