"""What may have been meant by a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name that is most like a name; None where none is.

    Parameters
    ----------
    name : str
    known : iterable of str
    cutoff : float, default=0.6
        How much alike they have to be, from 0 to 1; a difference in case never counts.
    """
    known = list(known)
    near = [other for other in known if other.lower() == name.lower()]
    near = near or difflib.get_close_matches(name, known, 1, cutoff)
    return near[0] if near else None


def did_you_mean(name: str, known: Iterable[str], otherwise: str = ".") -> str:
    """The end of a sentence about an unknown name: the known one that is most like it.

    Parameters
    ----------
    name : str
    known : iterable of str
    otherwise : str, default="."
        The end where no known name is like it.

    Examples
    --------
    >>> did_you_mean("respnse", ["dose", "response"])
    "; did you mean 'response'?"
    >>> did_you_mean("DOSE", ["dose", "response"])
    "; did you mean 'dose'?"
    >>> did_you_mean("weather", ["dose", "response"])
    '.'
    """
    near = nearest(name, known)
    return otherwise if near is None else f"; did you mean {near!r}?"
