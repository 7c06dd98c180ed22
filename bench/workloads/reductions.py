"""log(sum(exp(x))) along each axis: a reduction with elementwise work before and after."""
from __future__ import annotations

import numpy as np

CASES = {f"reduce-{'x'.join(map(str, shape))}-axis{axis}": {"shape": shape, "axis": axis}
         for shape in ((1024, 1024), (64, 64, 64)) for axis in range(len(shape))}
TOLERANCE = 1e-5


def inputs(random, shape, axis):
    return {"x": random.randn(*shape).astype("float32"), "axis": axis}


def in_numpy(data):
    return lambda: [np.log(np.exp(data.x).sum(axis=data.axis))]


def in_mxnet(data, block):
    from mxnet import np
    x = np.array(data.x)
    reduce = block(lambda np, npx, x: np.log(np.exp(x).sum(axis=data.axis)))
    return lambda: [reduce(x)]


def in_torch(data, engine):
    import torch
    x = torch.tensor(data.x)
    reduce = engine.compile(lambda x: torch.log(torch.exp(x).sum(dim=data.axis)))
    return lambda: [reduce(x)]


def in_jax(data):
    import jax
    import jax.numpy as jnp
    x = jnp.array(data.x)
    reduce = jax.jit(lambda x: jnp.log(jnp.exp(x).sum(axis=data.axis)))
    return lambda: [reduce(x)]


def in_pytensor(data):
    import pytensor
    import pytensor.tensor as pt
    x = pt.tensor(dtype="float32", shape=(None,) * data.x.ndim)
    reduce = pytensor.function([x], pt.log(pt.exp(x).sum(axis=data.axis)), mode="NUMBA", trust_input=True)
    return lambda: [reduce(data.x)]
