"""The matrices of Winograd's minimal filtering F(4 x 4, 3 x 3), and their products with vectors of tiles.

The algorithm is of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016): a tile of 4 x 4 results
is made of 6 x 6 elements by 36 multiplications. Its matrices are those of Toom and Cook for five points and infinity.
The points decide how large the rounding is (Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd
Convolution for Deep Neural Networks", 2020): with 0, 1, -1, 2, -2 the error is 4.2 times that of direct convolution in
float32, with these points, of which all powers are exact, 2.0 times.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Any

from llvmlite import ir

from ..lanes import Lanes

Matrix = tuple[tuple[float, ...], ...]

_POINTS = (Fraction(0), Fraction(5, 8), Fraction(-5, 8), Fraction(3, 2), Fraction(-3, 2))


def _polynomial(roots: Sequence[Fraction]) -> list[Fraction]:
    """The coefficients, from the constant on, of the polynomial with these roots."""
    found = [Fraction(1)]
    for root in roots:
        found = [before - root * own for before, own in zip([Fraction(0), *found], [*found, Fraction(0)], strict=True)]
    return found


def _floats(rows: Sequence[Sequence[Fraction]]) -> Matrix:
    return tuple([tuple([float(x) for x in row]) for row in rows])


def transposed(matrix: Matrix) -> Matrix:
    """The transpose of a matrix."""
    return tuple(zip(*matrix, strict=True))


def _others(point: Fraction) -> list[Fraction]:
    return [q for q in _POINTS if q != point]


#: From six elements of a row to six numbers: the transpose of B.
ELEMENTS = _floats([*[_polynomial(_others(p)) + [Fraction(0)] for p in _POINTS], _polynomial(_POINTS)])

#: From six products to four results: the transpose of A.
RESULTS = _floats([[p ** i for p in _POINTS] + [Fraction(i == 3)] for i in range(4)])

#: From the three weights of a row to six numbers: G.
WEIGHTS = _floats([*[[p ** i / prod([p - q for q in _others(p)]) for i in range(3)] for p in _POINTS],
                   [Fraction(0), Fraction(0), Fraction(1)]])


def transform(lanes: Lanes, matrix: Matrix, values: Sequence[Any]) -> list[Any]:
    """Emit the product of a matrix and a vector of values.

    Points come in pairs, so that columns and rows do whose numbers differ in their signs only: sums and differences
    of two values, or of the even and odd parts of two rows, serve both.
    """
    b = lanes.b
    columns, own = [list(column) for column in transposed(matrix)], list(values)
    for i, j in _pairs(columns):
        same = [x if x == y else 0.0 for x, y in zip(columns[i], columns[j], strict=True)]
        other = [x if x != y else 0.0 for x, y in zip(columns[i], columns[j], strict=True)]
        own[i], own[j] = b.fadd(own[i], own[j]), b.fsub(own[i], own[j])
        columns[i], columns[j] = same, other
    rows = [list(row) for row in zip(*columns, strict=True)]
    made: list[Any] = [None] * len(rows)
    for i, j in _pairs(rows):
        even = _sum(lanes, [x if x == y else 0.0 for x, y in zip(rows[i], rows[j], strict=True)], own)
        odd = _sum(lanes, [x if x != y else 0.0 for x, y in zip(rows[i], rows[j], strict=True)], own)
        made[i], made[j] = b.fadd(even, odd), b.fsub(even, odd)
    return [_sum(lanes, row, own) if value is None else value for row, value in zip(rows, made, strict=True)]


def _pairs(rows: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """The pairs of rows whose numbers differ in some signs, but not in all."""
    found: list[tuple[int, int]] = []
    for j, row in enumerate(rows):
        for i, before in enumerate(rows[:j]):
            signs = {x == y for x, y in zip(before, row, strict=True) if x or y}
            if len(signs) == 2 and [abs(x) for x in before] == [abs(x) for x in row] \
                    and not any([i in pair for pair in found]):
                found.append((i, j))
    return found


def _sum(lanes: Lanes, factors: Sequence[float], values: Sequence[Any]) -> Any:
    """The sum of values with constant factors, from one with the factor 1 on, if there is one."""
    pairs = [(factor, value) for factor, value in zip(factors, values, strict=True) if factor]
    pairs.sort(key=lambda pair: pair[0] != 1)
    (first, total), *others = pairs
    if first != 1:
        total = lanes.b.fmul(_all(lanes, first), total)
    for factor, value in others:
        if factor in (1, -1):
            total = (lanes.b.fadd if factor == 1 else lanes.b.fsub)(total, value)
        else:
            total = lanes.fma(_all(lanes, factor), value, total)
    return total


def _all(lanes: Lanes, number: float) -> Any:
    return ir.Constant(lanes.vector, [number] * lanes.lanes)
