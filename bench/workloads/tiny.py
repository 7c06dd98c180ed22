"""The gradient of 2*x*x for a 2x2 array, read: the cost of everything but the arithmetic."""
from __future__ import annotations

import numpy as np

CASES: dict = {"tiny": {}}
TOLERANCE = 1e-6
BY_HAND = list(CASES)


def inputs(random):
    return {"x": np.array([[1, 2], [3, 4]], "float32")}


def in_numpy(data):
    return lambda: [4 * data.x]


def in_mxnet(data, block):
    from mxnet import autograd, np
    x = np.array(data.x)
    x.attach_grad()
    double_square = block(lambda np, npx, x: 2 * x * x)

    def step():
        with autograd.record():
            y = double_square(x)
        y.backward()
        return [x.grad.asnumpy()]

    return step


def in_torch(data, engine):
    params = engine.parameters([data.x])
    gradient = engine.gradient(lambda params: (2 * params[0] * params[0]).sum())

    def step():
        _, (dx,) = gradient(params)
        return [dx.numpy()]

    return step


def in_jax(data):
    import jax
    import jax.numpy as jnp
    x = jnp.array(data.x)
    gradient = jax.jit(jax.grad(lambda x: (2 * x * x).sum()))
    return lambda: [np.asarray(gradient(x))]


def in_pytensor(data):
    import pytensor
    import pytensor.tensor as pt
    x = pt.fmatrix()
    gradient = pytensor.function([x], pytensor.grad((2 * x * x).sum(), x), mode="NUMBA", trust_input=True)
    return lambda: [gradient(data.x)]
