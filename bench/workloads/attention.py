"""A self-attention block (batch 8, 8 heads, length 128, width 512), with all gradients."""
from __future__ import annotations

import math

import numpy as np

BATCH, HEADS, LENGTH, WIDTH = 8, 8, 128, 512
CASES: dict = {"attention": {}}
TOLERANCE = 1e-4
BY_HAND = list(CASES)
PART = WIDTH // HEADS


def inputs(random):
    weights = [(random.randn(WIDTH, WIDTH) / math.sqrt(WIDTH)).astype("float32") for _ in range(4)]
    return {"params": [random.randn(BATCH, LENGTH, WIDTH).astype("float32"), *weights]}


def flops():
    """The flops of four projections and two products per head, times 3: each has two gradients of the same cost."""
    return 3 * (4 * 2.0 * BATCH * LENGTH * WIDTH * WIDTH + 2 * 2.0 * BATCH * LENGTH * LENGTH * WIDTH)


def in_numpy(data):
    x, wq, wk, wv, wo = data.params

    def split(a):
        return a.reshape(BATCH, LENGTH, HEADS, PART).transpose(0, 2, 1, 3)

    def join(a):
        return a.transpose(0, 2, 1, 3).reshape(BATCH, LENGTH, WIDTH)

    def weight(a, d):
        return a.reshape(-1, WIDTH).T @ d.reshape(-1, WIDTH)

    def step():
        q, k, v = split(x @ wq), split(x @ wk), split(x @ wv)
        p = q @ k.swapaxes(2, 3) / math.sqrt(PART)
        p = np.exp(p - p.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        merged = join(p @ v)
        y = merged @ wo
        dy = 2 * y / y.size
        do = split(dy @ wo.T)
        dp = do @ v.swapaxes(2, 3)
        ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True)) / math.sqrt(PART)
        dq, dk, dv = join(ds @ k), join(ds.swapaxes(2, 3) @ q), join(p.swapaxes(2, 3) @ do)
        dx = dq @ wq.T + dk @ wk.T + dv @ wv.T
        return [(y * y).mean(), dx, weight(x, dq), weight(x, dk), weight(x, dv), weight(merged, dy)]

    return step


def in_mxnet(data, block):
    from mxnet import autograd, np
    params = [np.array(p) for p in data.params]
    for p in params:
        p.attach_grad()

    def forward(np, npx, x, wq, wk, wv, wo):
        def split(a):
            a = a.reshape((BATCH, LENGTH, HEADS, PART)).transpose((0, 2, 1, 3))
            return a.reshape((BATCH * HEADS, LENGTH, PART))

        q, k, v = split(np.dot(x, wq)), split(np.dot(x, wk)), split(np.dot(x, wv))
        p = npx.softmax(npx.batch_dot(q, k, transpose_b=True) / math.sqrt(PART), axis=-1)
        merged = npx.batch_dot(p, v).reshape((BATCH, HEADS, LENGTH, PART)).transpose((0, 2, 1, 3))
        y = np.dot(merged.reshape((BATCH, LENGTH, WIDTH)), wo)
        return (y * y).mean()

    loss = block(forward)

    def step():
        with autograd.record():
            value = loss(*params)
        value.backward()
        return [value, *[p.grad for p in params]]

    return step


def in_torch(data, engine):
    from torch.nn.functional import scaled_dot_product_attention
    params = engine.parameters(data.params)

    def loss(params):
        x, wq, wk, wv, wo = params
        q, k, v = ((x @ w).view(BATCH, LENGTH, HEADS, PART).transpose(1, 2) for w in (wq, wk, wv))
        merged = scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(BATCH, LENGTH, WIDTH)
        y = merged @ wo
        return (y * y).mean()

    gradient = engine.gradient(loss)

    def step():
        value, grads = gradient(params)
        return [value, *grads]

    return step


def in_jax(data):
    import jax
    import jax.numpy as jnp
    params = [jnp.array(p) for p in data.params]

    def loss(params):
        x, wq, wk, wv, wo = params
        q, k, v = ((x @ w).reshape(BATCH, LENGTH, HEADS, PART) for w in (wq, wk, wv))
        y = jax.nn.dot_product_attention(q, k, v).reshape(BATCH, LENGTH, WIDTH) @ wo
        return (y * y).mean()

    both = jax.jit(jax.value_and_grad(loss))

    def step():
        value, grads = both(params)
        return [value, *grads]

    return step


def in_pytensor(data):
    import pytensor
    import pytensor.tensor as pt
    params = [pt.tensor(dtype="float32", shape=p.shape) for p in data.params]
    x, wq, wk, wv, wo = params

    def split(a):
        return a.reshape((BATCH, LENGTH, HEADS, PART)).transpose(0, 2, 1, 3)

    q, k, v = split(x @ wq), split(x @ wk), split(x @ wv)
    p = pt.special.softmax(q @ k.transpose(0, 1, 3, 2) * np.float32(1 / math.sqrt(PART)), axis=-1)
    y = (p @ v).transpose(0, 2, 1, 3).reshape((BATCH, LENGTH, WIDTH)) @ wo
    loss = (y * y).mean()
    both = pytensor.function(params, [loss, *pytensor.grad(loss, params)], mode="NUMBA", trust_input=True)
    return lambda: both(*data.params)
