"""Layer norm, then gelu, of 2048 rows of 768; and the same with all of its gradients."""
from __future__ import annotations

import math

import numpy as np

CASES = {"norm-gelu": {"backward": False}, "norm-gelu-grad": {"backward": True}}
TOLERANCE = 2e-5
BY_HAND = ["norm-gelu-grad"]
EPSILON = 1e-5


def inputs(random, backward):
    return {"x": random.randn(2048, 768).astype("float32"), "gamma": 1 + random.rand(768).astype("float32"),
            "beta": random.rand(768).astype("float32"), "backward": backward}


def in_numpy(data):
    from scipy.special import erf
    x, gamma, beta = data.x, data.gamma, data.beta

    def step():
        centred = x - x.mean(axis=1, keepdims=True)
        rstd = 1 / np.sqrt((centred * centred).mean(axis=1, keepdims=True) + EPSILON)
        hat = centred * rstd
        z = hat * gamma + beta
        phi = 0.5 * (1 + erf(z / math.sqrt(2)))
        if not data.backward:
            return [z * phi]
        d = phi + z * np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
        g = d * gamma
        dx = rstd * (g - g.mean(axis=1, keepdims=True) - hat * (g * hat).mean(axis=1, keepdims=True))
        return [dx, (d * hat).sum(axis=0), d.sum(axis=0)]

    return step


def in_mxnet(data, block):
    from mxnet import autograd, np
    arrays = [np.array(a) for a in (data.x, data.gamma, data.beta)]
    for a in arrays:
        a.attach_grad()
    gelu = block(lambda np, npx, x, gamma, beta: npx.leaky_relu(
        npx.layer_norm(x, gamma, beta, axis=-1, eps=EPSILON), act_type="gelu"))

    def forward():
        return [gelu(*arrays)]

    def both():
        with autograd.record():
            y = gelu(*arrays)
        y.backward()
        return [a.grad for a in arrays]

    return both if data.backward else forward


def in_torch(data, engine):
    import torch
    from torch.nn.functional import gelu, layer_norm
    params = engine.parameters([data.x, data.gamma, data.beta])

    def forward(params):
        return gelu(layer_norm(params[0], params[0].shape[1:], params[1], params[2], EPSILON))

    gradient, compiled = engine.gradient(lambda params: forward(params).sum()), engine.compile(forward)

    def inference():
        with torch.no_grad():
            return [compiled(params)]

    return (lambda: gradient(params)[1]) if data.backward else inference


def in_jax(data):
    import jax
    import jax.numpy as jnp
    arrays = [jnp.array(a) for a in (data.x, data.gamma, data.beta)]

    def forward(x, gamma, beta):
        centred = x - x.mean(axis=1, keepdims=True)
        rstd = jax.lax.rsqrt((centred * centred).mean(axis=1, keepdims=True) + EPSILON)
        return jax.nn.gelu(centred * rstd * gamma + beta, approximate=False)

    if data.backward:
        gradient = jax.jit(jax.grad(lambda *arrays: forward(*arrays).sum(), argnums=(0, 1, 2)))
        return lambda: gradient(*arrays)
    compiled = jax.jit(forward)
    return lambda: [compiled(*arrays)]


def in_pytensor(data):
    import pytensor
    import pytensor.tensor as pt
    x, gamma, beta = pt.fmatrix(), pt.fvector(), pt.fvector()
    centred = x - x.mean(axis=1, keepdims=True)
    rstd = 1 / pt.sqrt((centred * centred).mean(axis=1, keepdims=True) + np.float32(EPSILON))
    z = centred * rstd * gamma + beta
    y = np.float32(0.5) * z * (1 + pt.erf(z * np.float32(1 / math.sqrt(2))))
    results = pytensor.grad(y.sum(), [x, gamma, beta]) if data.backward else [y]
    compiled = pytensor.function([x, gamma, beta], results, mode="NUMBA", trust_input=True)
    return lambda: compiled(data.x, data.gamma, data.beta)
