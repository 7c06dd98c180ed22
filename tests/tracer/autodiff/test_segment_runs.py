"""Runs of segments: loops with a read in each turn leave equal segments, walked back several at a time."""
import pytest

from tracer import autograd, np
from tracer.jit.report.counters import COUNTERS


def turns(x, factors):
    """The product of x * x with all factors, with a read in each turn."""
    y = x * x
    for f in factors:
        y = y * f
        assert float(y.sum()) != 0.125
    return y


@pytest.mark.parametrize("count", range(0, 15))
def test_gradient_of_any_number_of_turns(count):
    x = np.array([1.0, -2.0, 3.0])
    x.attach_grad()
    factors = [1.5 if i % 3 else 0.5 for i in range(count)]
    product = 1.0
    for f in factors:
        product *= f
    for _ in range(3):
        with autograd.record():
            y = turns(x, factors)
        y.backward(retain_graph=True)
        assert x.grad.tolist() == [2 * product, -4 * product, 6 * product]
        y.backward(np.array([0.0, 1.0, 2.0]))
        assert x.grad.tolist() == [0, -4 * product, 12 * product]


def test_a_gradient_wanted_on_the_way_is_not_passed_over():
    x = np.array([2.0])
    x.attach_grad()
    with autograd.record():
        first = turns(x, [2.0] * 6)
        second = turns(first, [2.0] * 2) * 0 + turns(first, [3.0] * 6)
    first.attach_grad()
    second.backward()
    outer = 2 * 2 ** 6 * 4.0 * 3 ** 6
    assert first.grad.item() == pytest.approx(outer) and x.grad.item() == pytest.approx(outer * 4 * 2 ** 6)


def test_more_turns_make_no_new_program():
    x = np.array([1.0, 2.0])
    x.attach_grad()

    def run(count):
        with autograd.record():
            y = turns(x, [1.5] * count)
        y.backward()
        x.grad.wait_to_read()

    for _ in range(3):
        run(9)
    before = COUNTERS.programs
    for count in (11, 10, 17, 9):
        run(count)
    assert COUNTERS.programs == before


@pytest.mark.parametrize("picks", ["11111111", "11110000", "01010101", "10110111", "00000001", "01111111"])
def test_turns_that_hand_on_one_of_two_values(picks):
    x = np.array([1.0, -2.0])
    x.attach_grad()
    slope = 1.0
    for pick in picks:
        slope *= 3.0 if pick == "1" else -0.5
    for _ in range(4):
        with autograd.record():
            y, made = x * 1, []
            for pick in picks:
                both = y * -0.5, y * 3.0
                assert float(both[0].sum() + both[1].sum()) != 0
                made.append(both)
                y = both[int(pick)]
        y.backward()
        assert x.grad.tolist() == [slope, slope]
