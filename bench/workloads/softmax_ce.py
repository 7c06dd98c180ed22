"""Softmax cross-entropy of a batch of scores, and its gradient."""
from __future__ import annotations

import numpy as np

CASES = {f"softmax-ce-{n}x{k}": {"rows": n, "classes": k} for n, k in ((256, 10), (256, 1000), (4096, 1000))}
TOLERANCE = 1e-5
BY_HAND = list(CASES)


def inputs(random, rows, classes):
    return {"x": random.randn(rows, classes).astype("float32"),
            "y": random.randint(0, classes, rows).astype("int32")}


def in_numpy(data):
    x, y = data.x, data.y
    rows = np.arange(len(y))

    def step():
        z = x - x.max(axis=1, keepdims=True)
        d = np.exp(z)
        total = d.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - z[rows, y]).mean()
        d /= total
        d[rows, y] -= 1
        d /= len(y)
        return [loss, d]

    return step


def in_mxnet(data, block):
    from mxnet import autograd, np
    x, y = np.array(data.x), np.array(data.y, dtype="int32")
    x.attach_grad()
    loss = block(lambda np, npx, x, y: -npx.pick(npx.log_softmax(x, axis=-1), y).mean())

    def step():
        with autograd.record():
            value = loss(x, y)
        value.backward()
        return [value, x.grad]

    return step


def in_torch(data, engine):
    import torch
    from torch.nn.functional import cross_entropy
    params, y = engine.parameters([data.x]), torch.tensor(data.y).long()
    gradient = engine.gradient(lambda params, y: cross_entropy(params[0], y))

    def step():
        value, (dx,) = gradient(params, y)
        return [value, dx]

    return step


def in_jax(data):
    import jax
    import jax.numpy as jnp
    x, y = jnp.array(data.x), jnp.array(data.y)

    @jax.jit
    @jax.value_and_grad
    def both(x, y):
        return -jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], axis=1).mean()

    return lambda: both(x, y)


def in_pytensor(data):
    import pytensor
    import pytensor.tensor as pt
    x, y = pt.fmatrix(), pt.ivector()
    loss = -pt.special.log_softmax(x, axis=-1)[pt.arange(y.shape[0]), y].mean()
    both = pytensor.function([x, y], [loss, pytensor.grad(loss, x)], mode="NUMBA", trust_input=True)
    return lambda: both(data.x, data.y)
