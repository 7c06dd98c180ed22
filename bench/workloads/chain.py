"""The sum of tanh(x)*exp(-x*x)+sigmoid(3*x) and its gradient."""
from __future__ import annotations

import numpy as np

CASES = {f"chain-2^{power}": {"size": 2 ** power} for power in (10, 16, 20, 23)}
TOLERANCE = 1e-4
BY_HAND = list(CASES)


def inputs(random, size):
    return {"x": random.randn(size).astype("float32")}


def in_numpy(data):
    x = data.x

    def step():
        t, e, s = np.tanh(x), np.exp(-x * x), 1 / (1 + np.exp(-3 * x))
        return [(t * e + s).sum(), (1 - t * t) * e - 2 * x * t * e + 3 * s * (1 - s)]

    return step


def in_mxnet(data, block):
    from mxnet import autograd, np
    x = np.array(data.x)
    x.attach_grad()
    chain = block(lambda np, npx, x: (np.tanh(x) * np.exp(-x * x) + npx.sigmoid(3 * x)).sum())

    def step():
        with autograd.record():
            y = chain(x)
        y.backward()
        return [y, x.grad]

    return step


def in_torch(data, engine):
    import torch
    params = engine.parameters([data.x])

    def loss(params):
        x, = params
        return (torch.tanh(x) * torch.exp(-x * x) + torch.sigmoid(3 * x)).sum()

    gradient = engine.gradient(loss)

    def step():
        y, (dx,) = gradient(params)
        return [y, dx]

    return step


def in_jax(data):
    import jax
    import jax.numpy as jnp
    x = jnp.array(data.x)
    both = jax.jit(jax.value_and_grad(
        lambda x: (jnp.tanh(x) * jnp.exp(-x * x) + jax.nn.sigmoid(3 * x)).sum()))
    return lambda: both(x)


def in_pytensor(data):
    import pytensor
    import pytensor.tensor as pt
    x = pt.fvector()
    y = (pt.tanh(x) * pt.exp(-x * x) + pt.sigmoid(3 * x)).sum()
    both = pytensor.function([x], [y, pytensor.grad(y, x)], mode="NUMBA", trust_input=True)
    return lambda: both(data.x)
