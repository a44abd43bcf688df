"""The cheapest one-to-one assignment of a few faces to a few tracks."""

from __future__ import annotations

import math
from collections.abc import Sequence


def cheapest_assignment(cost: Sequence[Sequence[float]]) -> list[int]:
    """Return, per row, the column it is assigned to, minimising the summed cost.

    The Hungarian method with potentials (Kuhn 1955; Jonker and Volgenant 1987),
    O(rows^2 x columns). A library would do it too, at a second of import time
    in every child process; there are at most ten faces.

    Args:
        cost: Finite numbers, at least as many columns as rows.

    Raises:
        ValueError: There are fewer columns than rows.
    """
    rows = len(cost)
    columns = len(cost[0]) if rows else 0
    if columns < rows:
        raise ValueError("an assignment needs at least as many columns as rows")
    row_potential = [0.0] * (rows + 1)
    column_potential = [0.0] * (columns + 1)
    row_of = [0] * (columns + 1)  # 1-based; column 0 holds the row being placed
    for row in range(1, rows + 1):
        row_of[0] = row
        _place(cost, row_potential, column_potential, row_of)
    assigned = [-1] * rows
    for column in range(1, columns + 1):
        if row_of[column]:
            assigned[row_of[column] - 1] = column - 1
    return assigned


def _place(
    cost: Sequence[Sequence[float]],
    row_potential: list[float],
    column_potential: list[float],
    row_of: list[int],
) -> None:
    """Find the shortest augmenting path from column 0 and shift the rows along it."""
    width = len(row_of)
    slack = [math.inf] * width
    came_from = [0] * width
    done = [False] * width
    column = 0
    while row_of[column]:
        done[column] = True
        row = row_of[column]
        delta, following = math.inf, 0
        for other in range(1, width):
            if done[other]:
                continue
            reduced = cost[row - 1][other - 1] - row_potential[row] - column_potential[other]
            if reduced < slack[other]:
                slack[other], came_from[other] = reduced, column
            if slack[other] < delta:
                delta, following = slack[other], other
        for other in range(width):
            if done[other]:
                row_potential[row_of[other]] += delta
                column_potential[other] -= delta
            else:
                slack[other] -= delta
        column = following
    while column:
        row_of[column] = row_of[came_from[column]]
        column = came_from[column]
