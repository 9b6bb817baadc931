"""What may have been meant by a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
    known = list(known)
    near = [other for other in known if other.lower() == name.lower()]
    near = near or difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]!r}?" if near else otherwise
