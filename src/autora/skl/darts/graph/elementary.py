"""The table of elementary functions: one record per function that formulas may use.

A formula such as ``m.exp(-x)`` is read in several ways, each with a namespace ``m`` of its
own. What such a namespace needs of a function, and what else the package knows of it,
stands in its record and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from scipy.special import expit, log_softmax, logit, softmax

#: A formula over the functions of the namespace that is its first argument.
Formula = Callable[..., Any]


def everywhere(x: Any, *_: Any) -> Any:
    """The domain of a function that is defined for all numbers."""
    return np.isfinite(x)


@dataclass(frozen=True)
class Inverse:
    """How y = f(A) is solved for A, so that a search may look for A.

    Parameters
    ----------
    value : callable
        A from y, both arrays of shape (n,).
    slope : callable
        |dy/dA| from y, up to a constant factor: how much an error of A counts in y.
    homogeneous : bool, default=False
        Whether a positive factor of A is one of y, as for a power; the read-out then takes
        it over.
    absorbs_shift : bool, default=False
        Whether a shift of A is a factor of y, as for an exponential.
    positive : bool, default=False
        Whether A has to be positive.
    below : float, default=inf
        Bound of y.
    tail : tuple of float, default=()
        The coefficients of f with which this is its inverse.
    """

    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    homogeneous: bool = False
    absorbs_shift: bool = False
    positive: bool = False
    below: float = np.inf
    tail: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Elementary:
    """All that is known of an elementary function.

    How a reading has the function is a name or a formula over ``m``. Where the record says
    nothing, it is ``formula`` or, without one, the function called ``name`` in NumPy,
    jax.numpy and SymPy.

    Parameters
    ----------
    name : str
        How formulas call it.
    slopes : tuple of callable, default=()
        ``slope(m, *arguments, value)``: the derivative in each argument, with arithmetic,
        ``>`` and the functions of ``m``. Functions of a whole row of outputs have none.
    formula : callable, default=None
        The function in terms of others.
    numpy : callable, default=None
        The function of arrays.
    jax : str, default=""
        Where JAX has it, as "jax.nn.sigmoid".
    single : str, default=""
        Name in `jax_functions` of a faster form in single precision.
    sympy : str or callable, default=""
    steady : callable, default=None
        A SymPy form that double precision can evaluate far from zero, too.
    python : str or callable, default=""
        The call in exported source text, as "np.sin({})".
    helper : str, default=""
        Definition of the function ``_name`` that the text calls then, for one that NumPy
        does not have.
    javascript : str or callable, default=""
        The call in JavaScript, where it is no function of ``Math`` of this name.
    javascript_helper : str, default=""
        Definition of the function ``_name`` that the JavaScript calls then.
    compiled : str or callable, default=""
        The expression in compiled code, as "sine({})".
    compiled_slopes : tuple of callable, default=slopes
        Derivatives that share more with the value, or are tame where it has a pole.
    loops : dict, default={}
        Functions of `search.kernels.elementary` in that text, and what they compute.
    domain : callable, default=everywhere
        ``domain(*arguments)``: where it is defined.
    smooth : bool, default=False
        Whether value and derivative are finite at every finite argument.
    parity : {1, -1, 0}, default=0
        1 where f(−x) = f(x), −1 where f(−x) = −f(x).
    period : float, default=None
    degree : float, default=None
        p where f(λ·u, λ·v) = λ^p·f(u, v) for λ > 0.
    inverse : Inverse, default=None
    undoes : str, default=""
        Name of the function whose inverse it is.
    argument : callable, default=None
        What `argument_of` is where SymPy has no class for the function.
    """

    name: str
    slopes: tuple[Formula, ...] = ()
    formula: Formula | None = None
    numpy: Callable[..., Any] | None = None
    jax: str = ""
    single: str = ""
    sympy: str | Formula = ""
    steady: Formula | None = None
    python: str | Formula = ""
    helper: str = ""
    javascript: str | Formula = ""
    javascript_helper: str = ""
    compiled: str | Formula = ""
    compiled_slopes: tuple[Formula, ...] = ()
    loops: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    domain: Callable[..., Any] = everywhere
    smooth: bool = False
    parity: int = 0
    period: float | None = None
    degree: float | None = None
    inverse: Inverse | None = None
    undoes: str = ""
    argument: Callable[[Any], Any] | None = None

    @property
    def elementwise(self) -> bool:
        """Whether it maps numbers to numbers, so that primitives may use it."""
        return bool(self.slopes)

    @property
    def call(self) -> str:
        """Arguments of a call in source text, as "({}, {})"."""
        return f"({', '.join(['{}'] * max(1, len(self.slopes)))})"

    @property
    def symbol(self) -> str:
        """Its name in SymPy; none where SymPy has a formula for it."""
        own = self.sympy or self.formula or self.name
        return own if isinstance(own, str) else ""

    def argument_of(self, expression: Any) -> Any:
        """u where a SymPy expression is the function of u, else None."""
        if self.argument is not None:
            return self.argument(expression)
        import sympy

        found = getattr(sympy, self.symbol) if self.symbol else None
        alike = isinstance(found, type) and isinstance(expression, found)
        return expression.args[0] if alike else None

    def reading(
        self, own: str | Formula | None, default: str, named: Callable[[str], Any], m: Any
    ) -> Callable[..., Any]:
        """The function in one reading, from what the record says of it there.

        ``default`` is its usual name in that reading, ``named`` makes a function of a name.
        """
        own = own or self.formula or default
        return named(own) if isinstance(own, str) else partial(own, m)


class Functions:
    """The elementary functions in one reading: what formulas have as ``m``.

    A function is made when it is first asked for.
    """

    def __init__(self, read: Callable[[Elementary, Any], Callable[..., Any]]) -> None:
        self._read = read

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in ELEMENTARY:
            raise AttributeError(f"there is no elementary function {name!r}")
        function = self._read(ELEMENTARY[name], self)
        setattr(self, name, function)
        return function

    def slopes_of(self, function: Elementary) -> tuple[Formula, ...]:
        """The derivatives of a function, to be read with this namespace."""
        return function.slopes

    def chained(self, slope: Any, inner: Any) -> Any:
        """The chain rule, in which 0 · inf is 0: no dependence, whatever the slope."""
        if isinstance(inner, float):
            return slope if inner == 1 else slope * inner if inner else 0.0
        if inner.all():
            return slope * inner
        with np.errstate(invalid="ignore"):
            return np.where(inner == 0, 0.0, slope * inner)


def usable() -> list[str]:
    """Names of the functions that the formula of a primitive may use."""
    return sorted(name for name, f in ELEMENTARY.items() if f.elementwise)


# ----------------------------------------------------------------------------------------
# Derivatives and forms that are more than an expression


def _odd_power_sign(x: Any, a: Any) -> Any:
    """−1 where a power of x is negative."""
    return 1.0 - 2.0 * ((x < 0) & (a % 2 == 1))


def _power(m: Any, x: Any, a: Any) -> Any:
    """|x|^a, with the sign of x where a is an odd whole number: x³ is x³."""
    return _odd_power_sign(x, a) * m.abs(x) ** a


def _power_slope(m: Any, x: Any, a: Any, y: Any) -> Any:
    # A power of x is the other way about: that of an odd number is even.
    falls = 1.0 - 2.0 * ((x < 0) & (a % 2 != 1))
    return falls * a * m.abs(x) ** (a - 1)


def _power_growth(m: Any, x: Any, a: Any, y: Any) -> Any:
    # The logarithm of 0 has no say where the power itself is 0.
    return y * m.log(m.abs(x) + (y == 0))


def _symbolic_power(m: Any, x: Any, a: Any) -> Any:
    a, number = m.whole(a), m.number(a)
    if getattr(a, "is_odd", False):
        return x**a
    if number is not None and number % 2 == 1:  # a size that SymPy should not multiply out
        return x * m.abs(x) ** (a - 1)
    return m.abs(x) ** a


def _written_power(m: Any, x: Any, a: Any) -> Any:
    number = m.number(a)
    if number is None:  # it depends on the data
        return m.text("_power({}, {})", x, a)
    return (x if number % 2 == 1 else m.abs(x)) ** a


def _javascript_power(m: Any, x: Any, a: Any) -> Any:
    if m.is_open(a):  # as it is typeset: such an exponent need not be whole
        return m.text("Math.pow(Math.abs({}), {})", x, a)
    return m.text("_power({}, {})", x, a)


def _javascript_softplus(m: Any, x: Any) -> Any:
    return m.maximum(x, 0.0) + m.text("Math.log1p({})", m.exp(-m.abs(x)))


def _compiled_power(m: Any, x: Any, a: Any) -> Any:
    size = m.text("power_of({}, {})", m.log(m.abs(x)), a)
    odd = m.text("{0} - 2.0 * np.floor(0.5 * {0}) == 1.0", a)
    return m.text("-{0} if {1} & ({2} < 0.0) else {0}", size, odd, x)


#: The compiled refit counts what is steep at 0 as flat there, and goes on.
_COMPILED_POWER_SLOPES: tuple[Formula, ...] = (
    lambda m, x, a, y: m.text("0.0 if {0} == 0.0 else {1} * {2} / {0}", x, a, y),
    lambda m, x, a, y: m.text(
        "0.0 if {0} == 0.0 else {1} * {2}", x, y, m.log(m.abs(x))
    ),
)  # fmt: skip


def _compiled_softplus(m: Any, x: Any) -> Any:
    return m.maximum(x, 0.0) + m.text("log_one_plus({})", m.exp(-m.abs(x)))


def _compiled_softplus_slope(m: Any, x: Any, y: Any) -> Any:
    small = m.exp(-m.abs(x))
    return m.text("(1.0 if {0} > 0.0 else {1}) / (1.0 + {1})", x, small)


def _logistic_argument(expression: Any) -> Any:
    """u where a SymPy expression is 1/(1 + exp(−u)), else None."""
    import sympy

    if not (expression.is_Pow and expression.exp == -1):
        return None
    constant, rest = expression.base.as_coeff_Add()
    factor, power = rest.as_coeff_Mul()
    if constant != 1 or not isinstance(power, sympy.exp) or not factor > 0:
        return None
    shift = sympy.Float(float(np.log(float(factor)))) if factor != 1 else 0
    return sympy.expand_mul(-power.args[0] - shift)


def _symbolic_softmax(m: Any, etas: Any) -> list[Any]:
    total = sum(m.exp(eta) for eta in etas)
    return [m.exp(eta) / total for eta in etas]


def _steady_softmax(m: Any, etas: Any) -> list[Any]:
    return [1 / sum(m.exp(e - eta) for e in etas) for eta in etas]


_EXPIT_HELPER = """
def _expit(x):
    tail = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, tail) / (1.0 + tail)
"""
_POWER_HELPER = """
def _power(x, a):
    size = np.abs(x) ** a
    return np.where((x < 0) & (np.mod(a, 2) == 1), -size, size)
"""
_JAVASCRIPT_POWER = """
function _power(x, a) {
  const size = Math.pow(Math.abs(x), a);
  return x < 0 && Math.abs(a % 2) === 1 ? -size : size;
}
"""
_JAVASCRIPT_SOFTMAX = """
function _softmax(x) {
  const top = Math.max(...x), weight = x.map((v) => Math.exp(v - top));
  const sum = weight.reduce((a, b) => a + b);
  return weight.map((v) => v / sum);
}
"""
_SOFTMAX_HELPER = """
def _softmax(x):
    weight = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return weight / np.sum(weight, axis=-1, keepdims=True)
"""

# ----------------------------------------------------------------------------------------
# The table

_FUNCTIONS = (
    Elementary(
        "exp",
        (lambda m, x, y: y,),
        compiled="exponential({})",
        loops={"exponential": np.exp},
        inverse=Inverse(np.log, lambda y: y, absorbs_shift=True),
    ),
    Elementary(
        "log",
        (lambda m, x, y: 1.0 / x,),
        compiled="logarithm({})",
        loops={"logarithm": np.log},
        domain=lambda x: x > 0,
        undoes="exp",
    ),
    Elementary(
        "sqrt",
        (lambda m, x, y: 0.5 / y,),
        domain=lambda x: x >= 0,
        degree=0.5,
        inverse=Inverse(np.square, lambda y: 1 / y, homogeneous=True, positive=True),
    ),
    Elementary(
        "power",
        (_power_slope, _power_growth),
        formula=_power,
        single="quick_power",
        sympy=_symbolic_power,
        python=_written_power,
        helper=_POWER_HELPER,
        javascript=_javascript_power,
        javascript_helper=_JAVASCRIPT_POWER,
        compiled=_compiled_power,
        compiled_slopes=_COMPILED_POWER_SLOPES,
        loops={"power_of": lambda log, a: np.exp(a * log)},
        domain=lambda x, a: (x != 0) | (a >= 0),
        inverse=Inverse(  # of 1/√A
            lambda y: y**-2, lambda y: y**3, homogeneous=True, tail=(-0.5,)
        ),
    ),
    Elementary(
        "sin",
        (lambda m, x, y: m.cos(x),),
        single="quick_sine",
        compiled="sine({})",
        loops={"sine": np.sin},
        smooth=True,
        parity=-1,
        period=2 * np.pi,
    ),
    Elementary(
        "cos",
        (lambda m, x, y: -m.sin(x),),
        single="quick_cosine",
        compiled="cosine({})",
        loops={"cosine": np.cos},
        smooth=True,
        parity=1,
        period=2 * np.pi,
    ),
    Elementary(
        "tanh",
        (lambda m, x, y: 1.0 - y * y,),
        compiled="hyperbolic_tangent({})",
        loops={"hyperbolic_tangent": np.tanh},
        smooth=True,
        parity=-1,
    ),
    Elementary(
        "abs",
        (lambda m, x, y: 1.0 * (x > 0.0) - (x < 0.0),),
        sympy="Abs",
        compiled="abs({})",
        parity=1,
        degree=1.0,
    ),
    Elementary(
        "maximum",
        (lambda m, a, b, y: 1.0 * (a > b), lambda m, a, b, y: 1.0 * (a <= b)),
        sympy="Max",
        javascript="Math.max({}, {})",
        compiled="{0} if {0} > {1} else {1}",
        degree=1.0,
    ),
    Elementary(
        "minimum",
        (lambda m, a, b, y: 1.0 * (a < b), lambda m, a, b, y: 1.0 * (a >= b)),
        sympy="Min",
        javascript="Math.min({}, {})",
        compiled="{0} if {0} < {1} else {1}",
        degree=1.0,
    ),
    Elementary(
        "expit",
        (lambda m, x, y: y * (1.0 - y),),
        formula=lambda m, x: 1 / (1 + m.exp(-x)),
        numpy=expit,
        jax="jax.nn.sigmoid",
        steady=lambda m, x: (1 + m.tanh(x / 2)) / 2,
        helper=_EXPIT_HELPER,
        smooth=True,
        inverse=Inverse(logit, lambda y: y * (1 - y), below=1.0),
        argument=_logistic_argument,
    ),
    Elementary(
        "softplus",
        (lambda m, x, y: m.expit(x),),
        formula=lambda m, x: m.log(1 + m.exp(x)),
        numpy=lambda x: np.logaddexp(0.0, x),
        jax="jax.nn.softplus",
        single="quick_softplus",
        steady=lambda m, x: m.maximum(x, 0) + m.log(1 + m.exp(-m.abs(x))),
        python="np.logaddexp(0.0, {})",
        javascript=_javascript_softplus,
        compiled=_compiled_softplus,
        compiled_slopes=(_compiled_softplus_slope,),
        loops={"log_one_plus": np.log1p},
        smooth=True,
    ),
    Elementary(
        "softmax",
        numpy=lambda x: softmax(x, axis=-1),
        jax="jax.nn.softmax",
        sympy=_symbolic_softmax,
        steady=_steady_softmax,
        helper=_SOFTMAX_HELPER,
        javascript_helper=_JAVASCRIPT_SOFTMAX,
    ),
    Elementary(
        "log_softmax",
        numpy=lambda x: log_softmax(x, axis=-1),
        jax="jax.nn.log_softmax",
    ),
)
ELEMENTARY: dict[str, Elementary] = {function.name: function for function in _FUNCTIONS}


def _array_function(function: Elementary, m: Functions) -> Callable[..., Any]:
    if function.numpy is not None:
        return function.numpy
    return function.reading(None, function.name, partial(getattr, np), m)


#: The functions of formulas and of output types as NumPy reads them.
NUMPY = Functions(_array_function)
