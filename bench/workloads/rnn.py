"""A recurrent cell unrolled 35 steps (batch 32, hidden 256), with all gradients."""
from __future__ import annotations

import numpy as np

CASES = {"rnn-35": {"steps": 35, "batch": 32, "hidden": 256}}
TOLERANCE = 1e-4
BY_HAND = list(CASES)


def inputs(random, steps, batch, hidden):
    def draw(*shape, scale=1.0):
        return (random.randn(*shape) * scale).astype("float32")

    return {"xs": [draw(batch, hidden) for _ in range(steps)], "h": draw(batch, hidden),
            "params": [draw(hidden, hidden, scale=0.05), draw(hidden, hidden, scale=0.05), draw(hidden)]}


def flops(steps, batch, hidden):
    return steps * 5 * 2.0 * batch * hidden * hidden


def in_numpy(data):
    w, u, b = data.params

    def step():
        seen = [data.h]
        for x in data.xs:
            seen.append(np.tanh(x @ w + seen[-1] @ u + b))
        h = seen[-1]
        dh = 2 * h / h.size
        dw, du, db = np.zeros_like(w), np.zeros_like(u), np.zeros_like(b)
        for x, before, after in zip(reversed(data.xs), seen[-2::-1], seen[:0:-1]):
            d = dh * (1 - after * after)
            dw += x.T @ d
            du += before.T @ d
            db += d.sum(axis=0)
            dh = d @ u.T
        return [(h * h).mean(), dw, du, db]

    return step


def in_mxnet(data, block):
    from mxnet import autograd, np
    params = [np.array(p) for p in data.params]
    rest = [np.array(a) for a in [data.h, *data.xs]]
    for p in params:
        p.attach_grad()

    def forward(np, npx, w, u, b, h, *xs):
        for x in xs:
            h = np.tanh(np.dot(x, w) + np.dot(h, u) + b)
        return (h * h).mean()

    loss = block(forward)

    def step():
        with autograd.record():
            value = loss(*params, *rest)
        value.backward()
        return [value, *[p.grad for p in params]]

    return step


def in_torch(data, engine):
    import torch
    params = engine.parameters(data.params)
    h, xs = torch.tensor(data.h), [torch.tensor(x) for x in data.xs]

    def loss(params, h, xs):
        w, u, b = params
        for x in xs:
            h = torch.tanh(torch.addmm(b, x, w) + h @ u)
        return (h * h).mean()

    gradient = engine.gradient(loss)

    def step():
        value, grads = gradient(params, h, xs)
        return [value, *grads]

    return step


def in_jax(data):
    """The step in JAX, unrolled as for the other engines; with `lax.scan` it measured the same."""
    import jax
    import jax.numpy as jnp
    params, h, xs = [jnp.array(p) for p in data.params], jnp.array(data.h), [jnp.array(x) for x in data.xs]

    def loss(params, h, xs):
        w, u, b = params
        for x in xs:
            h = jnp.tanh(x @ w + h @ u + b)
        return (h * h).mean()

    both = jax.jit(jax.value_and_grad(loss))

    def step():
        value, grads = both(params, h, xs)
        return [value, *grads]

    return step


def in_pytensor(data):
    import pytensor
    import pytensor.tensor as pt
    params, h0 = [pt.fmatrix(), pt.fmatrix(), pt.fvector()], pt.fmatrix()
    xs = [pt.fmatrix() for _ in data.xs]
    w, u, b = params
    h = h0
    for x in xs:
        h = pt.tanh(x @ w + h @ u + b)
    loss = (h * h).mean()
    both = pytensor.function([*params, h0, *xs], [loss, *pytensor.grad(loss, params)], mode="NUMBA",
                             trust_input=True)
    return lambda: both(*data.params, data.h, *data.xs)
