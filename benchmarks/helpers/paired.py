"""Two systems on the same problems: who solves more, and who is sooner."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from scipy.stats import binomtest

Row = dict[str, Any]


class Pairing(NamedTuple):
    count: int  #: fits that both did
    first: int  #: solved by the first only
    second: int
    p: float  #: two-sided sign test over fits
    p_problems: float  #: the same over problems, whose seeds are not independent
    both: int  #: solved by both
    ratio_wall: float  #: median of second ÷ first in seconds to the solution
    ratio_cpu: float
    sooner: int  #: of those that both solved, the first in less time
    p_sooner: float
    ratio_exact: float  #: until a graph was exact, where both tell; else not a number


def sign_test(wins: int, losses: int) -> float:
    """Two-sided p value; ties count for nobody."""
    return binomtest(wins, wins + losses).pvalue if wins + losses else 1.0


def pair(rows: Iterable[Row], first: str, second: str, solved: str) -> Pairing:
    """Compare two systems; ``solved`` names the column that says what a solution is."""
    fits: dict[tuple[Any, ...], dict[str, Row]] = defaultdict(dict)
    for row in rows:
        fits[row["problem"], row["seed"]][row["system"]] = row
    shared = {key: fit for key, fit in fits.items() if first in fit and second in fit}
    pairs = {key: (fit[first], fit[second]) for key, fit in shared.items()}
    balance: dict[str, int] = defaultdict(int)
    wins = losses = 0
    for (problem, _), (a, b) in pairs.items():
        balance[problem] += a[solved] - b[solved]
        wins += a[solved] and not b[solved]
        losses += b[solved] and not a[solved]
    ahead = sum(b > 0 for b in balance.values())
    behind = sum(b < 0 for b in balance.values())
    both = [(a, b) for a, b in pairs.values() if a[solved] and b[solved]]
    sooner = sum(a["cpu"] < b["cpu"] for a, b in both)
    return Pairing(
        len(pairs),
        wins,
        losses,
        sign_test(wins, losses),
        sign_test(ahead, behind),
        len(both),
        _median(b["wall"] / a["wall"] for a, b in both),
        _median(b["cpu"] / a["cpu"] for a, b in both),
        sooner,
        sign_test(sooner, len(both) - sooner),
        _median(
            b["cpu_exact"] / a["cpu_exact"]
            for a, b in both
            if a.get("cpu_exact") and b.get("cpu_exact")
        ),
    )


def _median(values: Iterable[float]) -> float:
    found = list(values)
    return statistics.median(found) if found else float("nan")
