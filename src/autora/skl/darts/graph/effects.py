"""Coefficients that differ between groups of rows, such as the participants of a study."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Place(NamedTuple):
    """Where a coefficient lives: an edge's, the read-out's (node) or the bias."""

    kind: str  #: "edge", "readout" or "bias"
    row: int = 0
    column: int = 0

    @property
    def at(self) -> tuple[int, ...]:
        """Where it stands in the model's array of its kind."""
        return (self.column,) if self.kind == "bias" else (self.row, self.column)


class GroupEffects(NamedTuple):
    """What every group has of its own; the model's own arrays have that of a new group.

    Attributes
    ----------
    places : tuple of Place
        The coefficients that vary.
    values : ndarray of shape (groups, places)
    spread : ndarray of shape (places,)
        Standard deviation over all groups that there may be; not a number where unknown.
    log : tuple of bool
        Whether that is the spread of the logarithm, as of a coefficient with one sign.
    fixed : tuple of Place
        Coefficients that are not fitted: round numbers, or 1 where others make up for it.
    shrunk : bool
        Whether the values are drawn towards the population.
    """

    places: tuple[Place, ...]
    values: np.ndarray
    spread: np.ndarray
    log: tuple[bool, ...]
    fixed: tuple[Place, ...] = ()
    shrunk: bool = True

    @property
    def parameters(self) -> np.ndarray:
        """The values, or logarithms of their sizes, shape (groups, places)."""
        with np.errstate(divide="ignore"):
            return np.where(self.log, np.log(np.abs(self.values)), self.values)

    def of_rows(self, number: np.ndarray, middle: np.ndarray) -> np.ndarray:
        """The values of rows by their groups' numbers, shape (n, places).

        A group that is not known has number −1, and the values of the ``middle``.
        """
        return np.vstack([self.values, middle])[number]

    def with_added(self, kind: str, amount: np.ndarray) -> GroupEffects:
        """With something added to every coefficient of a kind, by output."""
        shift = [amount[p.column] if p.kind == kind else 0.0 for p in self.places]
        return self._replace(values=self.values + shift)
