"""A perceptron's training step for every engine, shared by workloads of different sizes and data.

Attributes of `data`:
    layers: a list of (weight, bias).
    batches: a list of (x, y).
    rate: the learning rate as a function of the step's number, from 1.
    adam: whether the optimizer is Adam, else it is SGD.

A call of the step trains on every batch once, reads the loss each time, as training loops do, and returns the last loss
and the parameters.
"""
from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def inputs(random: np.random.RandomState, sizes: Sequence[int], batches: Sequence[int], adam: bool = False,
           rate: Callable[[int], float] = lambda t: 0.1) -> dict[str, Any]:
    """The inputs of a step: a network with layers of `sizes`, and one batch for each number of rows in `batches`."""
    drawn = [(random.randn(m, n) * math.sqrt(2 / m), random.randn(n) * 0.1) for m, n in zip(sizes, sizes[1:])]
    layers = [(w.astype("float32"), b.astype("float32")) for w, b in drawn]
    pairs = [(random.rand(rows, sizes[0]), random.randint(0, sizes[-1], rows)) for rows in batches]
    data = [(x.astype("float32"), y.astype("int32")) for x, y in pairs]
    return {"layers": layers, "batches": data, "rate": rate, "adam": adam}


def flops(sizes: Sequence[int], rows: int) -> float:
    """The flops of forward and backward: three products per layer, two for the first, whose input has no gradient."""
    products = [2.0 * rows * m * n for m, n in zip(sizes, sizes[1:])]
    return 3 * sum(products) - products[0]


def _corrections(t: int) -> tuple[float, float]:
    """Adam's two bias corrections, as factors of the learning rate and of the root."""
    return 1 / (1 - BETA1 ** t), 1 / math.sqrt(1 - BETA2 ** t)


def _numpy_gradients(params: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> tuple[Any, list[np.ndarray]]:
    seen = [x]
    for w, b in zip(params[:-2:2], params[1:-2:2]):
        seen.append(np.maximum(seen[-1] @ w + b, 0))
    scores = seen[-1] @ params[-2] + params[-1]
    scores -= scores.max(axis=1, keepdims=True)
    d = np.exp(scores)
    total = d.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    loss = (np.log(total[:, 0]) - scores[rows, y]).mean()
    d /= total
    d[rows, y] -= 1
    d /= len(y)
    grads: list[np.ndarray] = []
    for i in range(len(seen) - 1, -1, -1):
        grads[:0] = [seen[i].T @ d, d.sum(axis=0)]
        if i:
            d = (d @ params[2 * i].T) * (seen[i] > 0)
    return loss, grads


def in_numpy(data: SimpleNamespace) -> Callable:
    params = [a.copy() for layer in data.layers for a in layer]
    means, squares = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
    count = itertools.count(1)

    def step():
        for x, y in data.batches:
            t = next(count)
            loss, grads = _numpy_gradients(params, x, y)
            if data.adam:
                c1, c2 = _corrections(t)
                for p, g, m, v in zip(params, grads, means, squares):
                    m *= BETA1
                    m += (1 - BETA1) * g
                    v *= BETA2
                    v += (1 - BETA2) * g * g
                    p -= data.rate(t) * c1 * m / (np.sqrt(v) * c2 + EPSILON)
            else:
                for p, g in zip(params, grads):
                    p -= data.rate(t) * g
        return [float(loss), *params]

    return step


def in_mxnet(data: SimpleNamespace, block: Callable) -> Callable:
    from mxnet import autograd, np
    params = [np.array(a) for layer in data.layers for a in layer]
    batches = [(np.array(x), np.array(y, dtype="int32")) for x, y in data.batches]
    means, squares = [np.zeros(p.shape) for p in params], [np.zeros(p.shape) for p in params]
    for param in params:
        param.attach_grad()
    count = itertools.count(1)

    def forward(np, npx, x, y, *params):
        for w, b in zip(params[:-2:2], params[1:-2:2]):
            x = npx.relu(np.dot(x, w) + b)
        return -npx.pick(npx.log_softmax(np.dot(x, params[-2]) + params[-1], axis=-1), y).mean()

    net = block(forward)

    def step():
        for x, y in batches:
            t = next(count)
            with autograd.record():
                loss = net(x, y, *params)
            loss.backward()
            if data.adam:
                c1, c2 = _corrections(t)
                for p, m, v in zip(params, means, squares):
                    m[:] = BETA1 * m + (1 - BETA1) * p.grad
                    v[:] = BETA2 * v + (1 - BETA2) * p.grad * p.grad
                    p -= data.rate(t) * c1 * m / (np.sqrt(v) * c2 + EPSILON)
            else:
                for p in params:
                    p -= data.rate(t) * p.grad
            value = float(loss)
        return [value, *params]

    return step


def _torch_loss(params: Sequence[Any], x: Any, y: Any) -> Any:
    import torch
    from torch.nn.functional import cross_entropy
    for w, b in zip(params[:-2:2], params[1:-2:2]):
        x = torch.relu(torch.addmm(b, x, w))
    return cross_entropy(torch.addmm(params[-1], x, params[-2]), y)


def _torch_batches(data: SimpleNamespace) -> list[tuple[Any, Any]]:
    import torch
    return [(torch.tensor(x), torch.tensor(y).long()) for x, y in data.batches]


def in_torch(data: SimpleNamespace, engine: Any) -> Callable:
    """Eager PyTorch with its fused optimizers."""
    import torch
    params = engine.parameters([a for layer in data.layers for a in layer])
    batches, count = _torch_batches(data), itertools.count(1)
    kind = torch.optim.Adam if data.adam else torch.optim.SGD
    optimizer = kind(params, lr=data.rate(1), fused=True)

    def step():
        for x, y in batches:
            optimizer.param_groups[0]["lr"] = data.rate(next(count))
            optimizer.zero_grad()
            loss = _torch_loss(params, x, y)
            loss.backward()
            optimizer.step()
            value = loss.item()
        return [value, *params]

    return step


def in_torch_compile(data: SimpleNamespace, engine: Any) -> Callable:
    """The whole step as one graph; changing numbers are passed as a tensor, because others would cause compilation."""
    import torch
    params = engine.parameters([a for layer in data.layers for a in layer])
    means, squares = [torch.zeros_like(p) for p in params], [torch.zeros_like(p) for p in params]
    batches, count = _torch_batches(data), itertools.count(1)

    def update(params, means, squares, x, y, factors):
        grads, loss = torch.func.grad_and_value(_torch_loss)(params, x, y)
        for p, g, m, v in zip(params, grads, means, squares):
            if data.adam:
                m.mul_(BETA1).add_(g, alpha=1 - BETA1)
                v.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
                p.sub_(factors[0] * m / (v.sqrt() * factors[1] + EPSILON))
            else:
                p.sub_(factors[0] * g)
        return loss

    compiled = engine.compile(update)

    def step():
        for x, y in batches:
            t = next(count)
            c1, c2 = _corrections(t) if data.adam else (1, 1)
            value = compiled(params, means, squares, x, y, torch.tensor([data.rate(t) * c1, c2])).item()
        return [value, *params]

    return step


def in_jax(data: SimpleNamespace) -> Callable:
    import jax
    import jax.numpy as jnp
    batches, count = [(jnp.array(x), jnp.array(y)) for x, y in data.batches], itertools.count(1)

    def loss(params, x, y):
        for w, b in zip(params[:-2:2], params[1:-2:2]):
            x = jax.nn.relu(x @ w + b)
        scores = jax.nn.log_softmax(x @ params[-2] + params[-1])
        return -jnp.take_along_axis(scores, y[:, None], axis=1).mean()

    def update(state, x, y, rate, c1, c2):
        params, means, squares = state
        value, grads = jax.value_and_grad(loss)(params, x, y)
        if data.adam:
            means = [BETA1 * m + (1 - BETA1) * g for m, g in zip(means, grads)]
            squares = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(squares, grads)]
            grads = [c1 * m / (jnp.sqrt(v) * c2 + EPSILON) for m, v in zip(means, squares)]
        return value, ([p - rate * g for p, g in zip(params, grads)], means, squares)

    jitted = jax.jit(update, donate_argnums=0)
    params = [jnp.array(a) for layer in data.layers for a in layer]
    zeros = [[jnp.zeros_like(p) for p in params] if data.adam else [] for _ in range(2)]
    state = [(params, *zeros)]

    def step():
        for x, y in batches:
            t = next(count)
            loss, state[0] = jitted(state[0], x, y, data.rate(t), *_corrections(t))
            value = float(loss)
        return [value, *state[0][0]]

    return step


def in_pytensor(data: SimpleNamespace) -> Callable:
    import pytensor
    import pytensor.tensor as pt
    params = [pytensor.shared(a.copy()) for layer in data.layers for a in layer]
    x, y = pt.fmatrix(), pt.ivector()
    rate, c1, c2 = pt.fscalar(), pt.fscalar(), pt.fscalar()
    h = x
    for w, b in zip(params[:-2:2], params[1:-2:2]):
        h = pt.maximum(h @ w + b, 0)
    scores = pt.special.log_softmax(h @ params[-2] + params[-1], axis=-1)
    loss = -scores[pt.arange(y.shape[0]), y].mean()
    updates = []
    for p, g in zip(params, pytensor.grad(loss, params)):
        if data.adam:
            m, v = pytensor.shared(p.get_value() * 0), pytensor.shared(p.get_value() * 0)
            new_m = np.float32(BETA1) * m + np.float32(1 - BETA1) * g
            new_v = np.float32(BETA2) * v + np.float32(1 - BETA2) * g * g
            updates += [(m, new_m), (v, new_v)]
            g = c1 * new_m / (pt.sqrt(new_v) * c2 + np.float32(EPSILON))
        updates.append((p, p - rate * g))
    update = pytensor.function([x, y, rate, c1, c2], loss, updates=updates, mode="NUMBA",
                               on_unused_input="ignore", trust_input=True)
    count = itertools.count(1)

    def step():
        for rows, labels in data.batches:
            t = next(count)
            scalars = [np.array(s, "float32") for s in (data.rate(t), *_corrections(t))]
            value = float(update(rows, labels, *scalars))
        return [value, *[p.get_value(borrow=True) for p in params]]

    return step
