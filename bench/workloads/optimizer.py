"""An optimizer's update alone: 5 million parameters in 100 arrays, SGD, momentum or Adam."""
from __future__ import annotations

import itertools
import math

import numpy as np

CASES = {f"optimizer-{kind}": {"kind": kind} for kind in ("sgd", "momentum", "adam")}
TOLERANCE = 1e-5
RATE, MOMENTUM, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.9, 0.999, 1e-8


def inputs(random, kind):
    shapes = [(256, 384), (1696,)] * 50
    return {"kind": kind, "params": [random.randn(*s).astype("float32") for s in shapes],
            "grads": [random.randn(*s).astype("float32") for s in shapes]}


def _corrections(t):
    """Adam's bias-corrected rate, and the factor of its root, at step t."""
    return RATE / (1 - BETA1 ** t), 1 / math.sqrt(1 - BETA2 ** t)


def _in_place(data, array, zeros, sqrt):
    """The in-place update of NumPy and MXNet scripts."""
    params, grads = [array(p) for p in data.params], [array(g) for g in data.grads]
    means, squares = [zeros(p.shape) for p in params], [zeros(p.shape) for p in params]
    count = itertools.count(1)

    def sgd():
        for p, g in zip(params, grads):
            p -= RATE * g
        return params

    def momentum():
        for p, g, m in zip(params, grads, means):
            m[:] = MOMENTUM * m - RATE * g
            p += m
        return params

    def adam():
        rate, root = _corrections(next(count))
        for p, g, m, v in zip(params, grads, means, squares):
            m[:] = BETA1 * m + (1 - BETA1) * g
            v[:] = BETA2 * v + (1 - BETA2) * g * g
            p -= rate * m / (sqrt(v) * root + EPSILON)
        return params

    return {"sgd": sgd, "momentum": momentum, "adam": adam}[data.kind]


def in_numpy(data):
    dtype = data.params[0].dtype
    return _in_place(data, np.copy, lambda shape: np.zeros(shape, dtype), np.sqrt)


def in_mxnet(data, block):
    from mxnet import np
    return _in_place(data, np.array, np.zeros, np.sqrt)


def in_mxnet_hybrid(data):
    """MXNet's fused update operators, called as by Gluon's trainer."""
    from mxnet import nd
    params, grads = [nd.array(p) for p in data.params], [nd.array(g) for g in data.grads]
    means, squares = [nd.zeros(p.shape) for p in params], [nd.zeros(p.shape) for p in params]
    count, options = itertools.count(1), {"wd": 0.0, "rescale_grad": 1.0}

    def sgd():
        for i in range(0, len(params), 50):
            some = slice(i, i + 50)
            pairs = [a for pair in zip(params[some], grads[some]) for a in pair]
            nd.multi_sgd_update(*pairs, lrs=[RATE] * 50, wds=[0.0] * 50, num_weights=50, out=params[some])
        return params

    def momentum():
        for p, g, m in zip(params, grads, means):
            nd.sgd_mom_update(p, g, m, lr=RATE, momentum=MOMENTUM, out=p, **options)
        return params

    def adam():
        rate, root = _corrections(next(count))
        for p, g, m, v in zip(params, grads, means, squares):
            nd.adam_update(p, g, m, v, lr=rate / root, beta1=BETA1, beta2=BETA2, epsilon=EPSILON / root,
                           out=p, **options)
        return params

    return {"sgd": sgd, "momentum": momentum, "adam": adam}[data.kind]


def in_torch(data, engine):
    """torch.optim's fused optimizers. Their momentum is m = 0.9 m + g, p -= rate m, which gives the same parameters."""
    import torch
    optimizer, params = _torch_optimizer(torch, data)

    def step():
        optimizer.step()
        return params

    return step


def in_torch_compile(data, engine):
    """The update written out, as one graph; changing numbers are passed as tensors: others would cause compilation."""
    import torch
    params, grads = [torch.tensor(p) for p in data.params], [torch.tensor(g) for g in data.grads]
    means, squares = [torch.zeros_like(p) for p in params], [torch.zeros_like(p) for p in params]
    count = itertools.count(1)

    def update(params, grads, means, squares, rate, root):
        for p, g, m, v in zip(params, grads, means, squares):
            if data.kind == "sgd":
                p.sub_(RATE * g)
            elif data.kind == "momentum":
                m.mul_(MOMENTUM).sub_(RATE * g)
                p.add_(m)
            else:
                m.mul_(BETA1).add_((1 - BETA1) * g)
                v.mul_(BETA2).add_((1 - BETA2) * g * g)
                p.sub_(rate * m / (v.sqrt() * root + EPSILON))

    compiled = engine.compile(update)

    def step():
        compiled(params, grads, means, squares, *map(torch.tensor, _corrections(next(count))))
        return params

    return step


def _torch_optimizer(torch, data):
    params = [torch.tensor(p, requires_grad=True) for p in data.params]
    for p, g in zip(params, data.grads):
        p.grad = torch.tensor(g)
    if data.kind == "adam":
        return torch.optim.Adam(params, lr=RATE, betas=(BETA1, BETA2), eps=EPSILON, fused=True), params
    factor = MOMENTUM if data.kind == "momentum" else 0
    return torch.optim.SGD(params, lr=RATE, momentum=factor, fused=True), params


def in_jax(data):
    import jax
    import jax.numpy as jnp
    grads = [jnp.array(g) for g in data.grads]

    def update(state, grads, rate, root):
        params, means, squares = state
        if data.kind == "sgd":
            return [p - RATE * g for p, g in zip(params, grads)], means, squares
        if data.kind == "momentum":
            means = [MOMENTUM * m - RATE * g for m, g in zip(means, grads)]
            return [p + m for p, m in zip(params, means)], means, squares
        means = [BETA1 * m + (1 - BETA1) * g for m, g in zip(means, grads)]
        squares = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(squares, grads)]
        params = [p - rate * m / (jnp.sqrt(v) * root + EPSILON) for p, m, v in zip(params, means, squares)]
        return params, means, squares

    compiled, count = jax.jit(update, donate_argnums=0), itertools.count(1)
    params = [jnp.array(p) for p in data.params]
    zeros = [[jnp.zeros_like(p) for p in params] for _ in range(2)]
    state = [(params, *zeros)]

    def step():
        state[0] = compiled(state[0], grads, *_corrections(next(count)))
        return state[0][0]

    return step


def in_pytensor(data):
    import pytensor
    import pytensor.tensor as pt
    shared = pytensor.shared
    rate, root = pt.fscalar(), pt.fscalar()
    params, updates = [shared(p.copy()) for p in data.params], []
    for p, g in zip(params, [shared(g) for g in data.grads]):
        if data.kind == "sgd":
            updates.append((p, p - np.float32(RATE) * g))
            continue
        m, v = shared(p.get_value() * 0), shared(p.get_value() * 0)
        if data.kind == "momentum":
            moved = np.float32(MOMENTUM) * m - np.float32(RATE) * g
            updates += [(m, moved), (p, p + moved)]
            continue
        mean = np.float32(BETA1) * m + np.float32(1 - BETA1) * g
        square = np.float32(BETA2) * v + np.float32(1 - BETA2) * g * g
        moved = p - rate * mean / (pt.sqrt(square) * root + np.float32(EPSILON))
        updates += [(m, mean), (v, square), (p, moved)]
    update = pytensor.function([rate, root], [], updates=updates, mode="NUMBA", on_unused_input="ignore",
                               trust_input=True)
    count = itertools.count(1)

    def step():
        update(*[np.array(s, "float32") for s in _corrections(next(count))])
        return [p.get_value(borrow=True) for p in params]

    return step
