"""Chains of 10 to 10,000 elementwise ops on 256 numbers: the growth of recording, compiling and running times."""
from __future__ import annotations

import numpy as np

CASES = {f"graph-{ops}": {"ops": ops} for ops in (10, 100, 1_000, 10_000)}
TOLERANCE = 1e-4


def inputs(random, ops):
    return {"x": random.randn(256).astype("float32"), "ops": ops}


def _chain(tanh, x, ops):
    y = x
    for i in range(ops):
        kind = i % 4
        if kind == 0:
            y = y * x
        elif kind == 1:
            y = y - 0.5
        elif kind == 2:
            y = tanh(y)
        else:
            y = y + x
    return y


def in_numpy(data):
    return lambda: [_chain(np.tanh, data.x, data.ops)]


def in_mxnet(data, block):
    from mxnet import np
    x = np.array(data.x)
    chain = block(lambda np, npx, x: _chain(np.tanh, x, data.ops))
    return lambda: [chain(x)]


def in_torch(data, engine):
    import torch
    x = torch.tensor(data.x)
    chain = engine.compile(lambda x: _chain(torch.tanh, x, data.ops))
    return lambda: [chain(x)]


def in_jax(data):
    import jax
    import jax.numpy as jnp
    x = jnp.array(data.x)
    chain = jax.jit(lambda x: _chain(jnp.tanh, x, data.ops))
    return lambda: [chain(x)]


def in_pytensor(data):
    import pytensor
    import pytensor.tensor as pt
    x = pt.fvector()
    chain = pytensor.function([x], _chain(pt.tanh, x, data.ops), mode="NUMBA", trust_input=True)
    return lambda: [chain(data.x)]
