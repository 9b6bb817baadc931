"""Arguments that must be named now and could be given by their position before."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from ..runtime.messages import warn

Kind = TypeVar("Kind", bound=type)
Function = TypeVar("Function", bound=Callable[..., Any])

#: The version in which positions of these arguments are refused.
REFUSED_FROM = "1.0"


def named_arguments(last: str | None = None) -> Callable[[Function], Function]:
    """Accept keyword-only arguments by position, with a FutureWarning that names them.

    Parameters
    ----------
    last : str, optional
        The last argument that had a position; all of them if None.
    """

    def decorated(function: Function) -> Function:
        parameters = inspect.signature(function).parameters.values()
        first = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        if last is not None:
            named = named[: named.index(last) + 1]

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            positions, extra = args[: len(first)], args[len(first) :]
            if not extra or len(extra) > len(named):
                return function(*args, **kwargs)  # Python's own error if there are too many
            moved = dict(zip(named, extra, strict=False))
            for name in moved.keys() & kwargs.keys():
                raise TypeError(f"{function.__qualname__}() got two values for {name!r}")
            name = f"{type(args[0]).__name__}.{function.__name__}".removesuffix(".__init__")
            shown = ", ".join(f"{name}=…" for name in moved)
            warn(
                f"{name}: name these arguments, {shown}; from version "
                f"{REFUSED_FROM} on, their position is an error",
                FutureWarning,
            )
            return function(*positions, **moved, **kwargs)

        return cast(Function, called)

    return decorated


def named_parameters(last: str) -> Callable[[Kind], Kind]:
    """The same for the constructor of an estimator."""

    def decorated(kind: Kind) -> Kind:
        kind.__init__ = named_arguments(last)(kind.__init__)  # type: ignore[misc]
        return kind

    return decorated
