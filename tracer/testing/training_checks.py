"""Checks of optimizers and blocks for `mx.test_utils`: two of them, or two ways to run one, have equal results."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import autograd, generation, random
from ..context import current_context
from ..initializer import Initializer
from .comparing import assert_almost_equal
from .random_inputs import rand_ndarray

__all__ = ["check_gluon_hybridize_consistency", "compare_ndarray_tuple", "compare_optimizer",
           "compare_optimizer_noise_seeded"]


# ---- optimizers ----------------------------------------------------------------------------------

def compare_ndarray_tuple(t1: Any, t2: Any, rtol: Any = None, atol: Any = None) -> None:
    """`assert_almost_equal` of two arrays, or of those in two tuples, nested ones too; None is equal to everything."""
    if t1 is None or t2 is None:
        return
    if isinstance(t1, tuple):
        for a, b in zip(t1, t2):
            compare_ndarray_tuple(a, b, rtol, atol)
    else:
        assert_almost_equal(t1, t2, rtol, atol)


class _Problem:
    """Random weights and gradients with the states of two optimizers, of which the first has dense copies of both."""

    def __init__(self, optimizers: Sequence[Any], shapes: Sequence[Any], dtype: Any, stypes: Sequence[str]) -> None:
        self.optimizers = optimizers
        drawn = [[_drawn(shape, stype, dtype, dense) for stype, dense in zip(stypes, (1, None))] for shape in shapes]
        self.weights, self.grads = ([_twice(row[i]) for row in drawn] for i in (0, 1))
        self.states = [[optimizer.create_state_multi_precision(i, pair[side])
                        for side, optimizer in enumerate(optimizers)] for i, pair in enumerate(self.weights)]

    def compare_states(self, rtol: Any = None, atol: Any = None) -> None:
        """Raise AssertionError unless the states are close."""
        for first, second in self.states:
            compare_ndarray_tuple(first, second, rtol, atol)

    def compare_weights(self, rtol: Any, atol: Any) -> None:
        """Raise AssertionError unless the weights are close."""
        for first, second in self.weights:
            assert_almost_equal(first, second, rtol, atol)

    def step_each(self, side: int) -> None:
        """Update the weights of one optimizer one by one."""
        for i, (weight, grad, state) in enumerate(zip(self.weights, self.grads, self.states)):
            self.optimizers[side].update_multi_precision(i, weight[side], grad[side], state[side])

    def step_all(self, side: int) -> None:
        """Update the weights of one optimizer by one call."""
        weights, grads, states = ([pair[side] for pair in pairs] for pairs in (self.weights, self.grads, self.states))
        self.optimizers[side].update_multi_precision(list(range(len(weights))), weights, grads, states)


def _drawn(shape: Any, stype: str, dtype: Any, density: Any) -> Any:
    if stype == "default":
        return random.uniform(shape=shape, dtype=dtype, ctx=current_context())
    if stype not in ("row_sparse", "csr"):
        raise Exception(f"type not supported yet: {stype}")
    return rand_ndarray(shape, stype, density=density, dtype=dtype)


def _twice(x: Any) -> tuple[Any, Any]:
    """A dense copy of an array, and the array."""
    return x.copyto(current_context()).tostype("default"), x


def compare_optimizer(opt1: Any, opt2: Any, shape: Any, dtype: Any, w_stype: str = "default",
                      g_stype: str = "default", rtol: Any = 1e-4, atol: Any = 1e-5, compare_states: bool = True,
                      ntensors: int = 1) -> None:
    """Raise AssertionError unless two optimizers do the same update of random weights.

    shape: the weight's shape; a list of `ntensors` shapes: `opt1` updates them one by one, `opt2` by one call. In
        MXNet 2.0 (see `tracer.generation`) it is always a list, and both optimizers update by one call.
    w_stype, g_stype: the storage types of the weight and the gradient of `opt2`; those of `opt1` are dense.
    compare_states: whether the states are compared, too.

    >>> from tracer import optimizer
    >>> compare_optimizer(optimizer.SGD(), optimizer.SGD(), (2, 3), "float32")
    """
    if generation.is_2():
        _compare_together(opt1, opt2, shape, dtype, (w_stype, g_stype), rtol, atol, compare_states, None)
        return
    several = isinstance(shape, list)
    assert several or ntensors == 1, f"one shape for {ntensors} tensors"
    problem = _Problem((opt1, opt2), shape if several else [shape], dtype, (w_stype, g_stype))
    if compare_states:
        problem.compare_states()
    problem.step_each(0)
    if several:
        problem.step_all(1)
    else:
        problem.step_each(1)
    if compare_states:
        problem.compare_states(rtol, atol)
    problem.compare_weights(rtol, atol)


def compare_optimizer_noise_seeded(opt1: Any, opt2: Any, shapes: Sequence[Any], dtype: Any, noise_seed: int,
                                   w_stype: str = "default", g_stype: str = "default", rtol: Any = 1e-4,
                                   atol: Any = 1e-5, compare_states: bool = True) -> None:
    """Raise AssertionError unless two optimizers that draw random numbers do the same update.

    shapes: the weights' shapes.
    noise_seed: the seed that is set before the update of each.

    The others are those of `compare_optimizer`. A function of MXNet 2.0.
    """
    _compare_together(opt1, opt2, shapes, dtype, (w_stype, g_stype), rtol, atol, compare_states, noise_seed)


def _compare_together(opt1: Any, opt2: Any, shapes: Sequence[Any], dtype: Any, stypes: Sequence[str], rtol: Any,
                      atol: Any, compare_states: bool, seed: int | None) -> None:
    problem = _Problem((opt1, opt2), shapes, dtype, stypes)
    if compare_states:
        problem.compare_states()
    for side in (0, 1):
        if seed is not None:
            random.seed(seed)
        problem.step_all(side)
    if compare_states:
        problem.compare_states(rtol, atol)
    problem.compare_weights(rtol, atol)


# ---- blocks --------------------------------------------------------------------------------------

class _Given(Initializer):
    """An initializer that gives each parameter the value of its name."""

    def __init__(self, values: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.values = values

    def _init_weight(self, name: str, arr: Any) -> None:
        arr[()] = self.values[name]


def check_gluon_hybridize_consistency(net_builder: Callable[..., Any], data_l: Sequence[Any],
                                      numpy_func: Callable[..., Any] | None = None, test_grad: bool = True,
                                      rtol: Any = 1e-4, atol: Any = 1e-4) -> None:
    """Raise AssertionError unless a block has equal outputs and gradients, hybridized or not, under `record()` or not.

    net_builder: a function that makes the block. In 1.9.1 it takes `prefix`, in 2.0 nothing.
    data_l: the inputs. The cotangent of the output is the output.
    numpy_func: a function of NumPy arrays with the same result.
    test_grad: whether gradients with respect to the inputs are compared, too.

    The block draws no random numbers.

    >>> from tracer import gluon, nd
    >>> check_gluon_hybridize_consistency(lambda prefix: gluon.nn.Dense(2, prefix=prefix), [nd.ones((1, 3))])
    """
    values: dict[str, np.ndarray] | None = None
    outputs: list[np.ndarray] = []
    gradients = []
    for hybridize in (False, True):
        for recorded in (False, True) if test_grad else (False,):
            net = net_builder() if generation.is_2() else net_builder(prefix="net_")
            if values is None:
                net.initialize()
            elif generation.is_2():
                net.load_dict(values)
            else:
                net.initialize(_Given(values))
            if hybridize:
                net.hybridize()
            inputs = [x.copy() for x in data_l]
            if recorded:
                gradients.append(_gradients(net, inputs, outputs))
            else:
                outputs.append(net(*inputs).asnumpy())
            if values is None:
                values = {name: x.data().asnumpy() for name, x in net.collect_params().items()}
    for output in outputs[1:]:
        assert_almost_equal(output, outputs[0], rtol, atol)
    for some in gradients[1:]:
        compare_ndarray_tuple(tuple(some), tuple(gradients[0]), rtol, atol)
    if numpy_func is not None:
        assert_almost_equal(outputs[0], numpy_func(*[x.asnumpy() for x in data_l]), rtol, atol)


def _gradients(net: Any, inputs: Sequence[Any], outputs: list[np.ndarray]) -> list[np.ndarray]:
    """The gradients of a block's inputs; its output is appended to `outputs`."""
    for x in inputs:
        x.attach_grad()
    with autograd.record():
        out = net(*inputs)
    out.backward(out)
    outputs.append(out.asnumpy())
    return [x.grad.asnumpy() for x in inputs]
