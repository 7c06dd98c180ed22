"""Linear forms: whether two are apart, against all of their values."""
from __future__ import annotations

import itertools
import random

import pytest

from tracer.jit.verify.forms import Form, Var, apart


def drawn(rng: random.Random) -> Form:
    """A form of up to two variables."""
    terms = [(Var(0, rng.randrange(4)), rng.choice([1, 2, 3, 5, 8, 12, 24]) * rng.choice([1, -1]))
             for _ in range(rng.randrange(3))]
    return Form(rng.randrange(60), tuple(terms))


def places(form: Form, size: int) -> set[int]:
    """The bytes of elements of that size at all values of a form."""
    starts = [form.start + sum([c * x for (_, c), x in zip(form.terms, values, strict=True)])
              for values in itertools.product(*[range(v.low, v.high + 1) for v, _ in form.terms])]
    return {start + i for start in starts for i in range(size)}


def test_forms_that_are_apart_share_no_byte():
    rng = random.Random(4)
    proved = disjoint = 0
    for _ in range(4_000):
        a, b, one, other = drawn(rng), drawn(rng), rng.choice([1, 2, 4]), rng.choice([1, 2, 4])
        shared = places(a, one) & places(b, other)
        if apart(a, b, one, other):
            proved += 1
            assert not shared, (a, b, one, other)
        disjoint += not shared
    assert proved > 0.9 * disjoint  # of those that share none, most are proved


@pytest.mark.parametrize("start, count, expected", [(2272, 7, True), (2272, 14, False), (8064, 7, True)])
def test_parts_of_images_are_apart(start, count, expected):
    """The first channels of two images, and the last ones of either, or of either and the first ones of the next."""
    first = Form(0, ((Var(0, 1), 6048), (Var(0, 6), 288), (Var(0, 71), 4)))
    assert apart(first, Form(start, ((Var(0, count - 1), 288), (Var(0, 47), 4))), 4, 4) is expected
