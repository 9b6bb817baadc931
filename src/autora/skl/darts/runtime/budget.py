"""How much a search may spend."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Budget(NamedTuple):
    """When a search ends."""

    candidates: float = np.inf
    seconds: float = np.inf
    stall: float = np.inf  #: candidates in a row that improve nothing
