"""The schedule: a step that replaces a large array follows its operands, and waits for readers of the old array."""
from __future__ import annotations

import graphs
import numpy as np

from tracer.jit.fusion.fuse import fuse
from tracer.jit.plan.plan import Plan
from tracer.jit.plan.schedule import made_by, read_by, schedule
from tracer.ops.primitive.arithmetic import add, mul, sub
from tracer.ops.primitive.linear import reduce_sum
from tracer.ops.primitive.matmul import product


def array(*shape):
    return np.full(shape, 0.5, "float32")


def ordered(steps, order):
    """Whether each step comes after those that compute its operands."""
    materialized = {n for s in steps for n in made_by(s)}
    done = set()
    for i in order:
        assert materialized.intersection(read_by(steps[i], materialized)) - set(made_by(steps[i])) <= done
        done.update(made_by(steps[i]))
    return sorted(order) == list(range(len(steps)))


def test_each_update_follows_its_gradient():
    x, d, *ws = graphs.leaves([array(64, 512), array(64, 512)] + [array(512, 512)] * 3)
    products = [product(x, add(d, reduce_sum(w, (0,))), True) for w in ws]
    outputs = [*products, *[sub(w, p) for w, p in zip(ws, products)]]
    steps = fuse(outputs)
    order = schedule(steps)
    assert ordered(steps, order)
    at = {n: order.index(i) for i, s in enumerate(steps) for n in made_by(s)}
    for p, updated in zip(products, outputs[3:]):
        assert at[updated] == at[p] + 1
    assert len(Plan(outputs).donations) == 3


def test_gradients_of_small_weights_follow_their_cotangents():
    x, g, other, *ws = graphs.leaves([array(64, 2048), array(64, 2048)] + [array(64, 64)] * 9)
    cotangents = [g]
    for w in ws:
        cotangents.append(product(w, cotangents[-1]))
    gradients = [product(d, x, False, True) for d in reversed(cotangents[1:])]
    outputs = [mul(gradient, other) for gradient in gradients]
    steps = fuse(outputs)
    order = schedule(steps)
    assert ordered(steps, order)
    at = {n: order.index(i) for i, s in enumerate(steps) for n in made_by(s)}
    for d, gradient in zip(reversed(cotangents[1:]), gradients):
        assert at[gradient] == at[d] + 1
    assert Plan(outputs).arena_bytes < 3 * x.aval.nbytes


def test_an_update_waits_for_the_readers_of_what_it_replaces():
    w, x, d = graphs.leaves([array(512, 512), array(64, 512), array(64, 512)])
    outputs = [sub(w, reduce_sum(d, (0, 1))), product(x, w), product(d, w, False, True)]
    steps = fuse(outputs)
    order = schedule(steps)
    assert ordered(steps, order)
    assert made_by(steps[order[-1]]) == [outputs[0]]
    assert len(Plan(outputs).donations) == 1


def test_two_that_wait_for_one_another():
    a, b = graphs.leaves([array(512, 512), array(512, 512)])
    outputs = [product(add(a, b), b), sub(a, b), product(sub(a, b), a), mul(add(b, b), a)]
    steps = fuse(outputs)
    assert ordered(steps, schedule(steps))


def test_what_is_needed_later_is_not_put_off():
    w, x = graphs.leaves([array(512, 512), array(512, 512)])
    new = sub(w, x)
    outputs = [new, product(new, x), product(w, product(new, x))]
    steps = fuse(outputs)
    assert ordered(steps, schedule(steps))


def test_small_arrays_stay_where_they_are():
    w, x = graphs.leaves([array(8, 8), array(8, 8)])
    steps = fuse([sub(w, x), product(x, w)])
    assert schedule(steps) == list(range(len(steps)))
