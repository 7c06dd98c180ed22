"""Doubling until the norm is large: Python control flow on computed values, under the tape.

`doubling` is the function of the np document with its gradient; `doubling-document` the nd document's whole
example, from making the array to reading the gradient and the quotient that explains it. Peers run them as
written: torch.compile breaks its graph at each read, JAX runs without `jit`, under which values cannot be read;
PyTensor has no such control flow.
"""
from __future__ import annotations

import numpy as np

CASES = {"doubling": {"document": False}, "doubling-document": {"document": True}}
TOLERANCE = 1e-5
BY_HAND = list(CASES)
HYBRID = False


def inputs(random, document):
    return {"a": np.array([0.5488135, 0.5928446], "float32"), "document": document}


def _double(a, norm, total):
    """The documents' function, for any engine: doubles `a` until its norm is 1000, and returns one element."""
    b = a * 2
    while norm(b) < 1000:
        b = b * 2
    return b[0] if total(b) >= 0 else b[1]


def _norm(document, absolute, root):
    return (lambda b: root((b * b).sum())) if document else (lambda b: absolute(b).sum())


def in_numpy(data):
    norm = _norm(data.document, np.abs, np.sqrt)

    def step():
        a = data.a
        b, scale = a * 2, 2.0
        while norm(b) < 1000:
            b, scale = b * 2, scale * 2
        i = 0 if b.sum() >= 0 else 1
        grad = np.zeros_like(a)
        grad[i] = scale
        return [grad, b[i] / a] if data.document else [grad]

    return step


def in_mxnet(data, block):
    from mxnet import autograd, nd, np

    def document():
        a = nd.array(data.a)
        a.attach_grad()
        with autograd.record():
            c = _double(a, lambda b: b.norm().asscalar(), lambda b: b.sum().asscalar())
        c.backward()
        return [a.grad.asnumpy(), (c / a).asnumpy()]

    a = np.array(data.a)
    a.attach_grad()

    def step():
        with autograd.record():
            c = _double(a, lambda b: np.abs(b).sum(), lambda b: b.sum())
        c.backward()
        return [a.grad.asnumpy()]

    return document if data.document else step


def in_torch(data, engine):
    import torch
    norm = _norm(data.document, torch.abs, torch.sqrt)
    double = engine.compile(lambda a: _double(a, norm, torch.sum))
    kept = torch.tensor(data.a, requires_grad=True)

    def step():
        a = torch.tensor(data.a, requires_grad=True) if data.document else kept
        a.grad = None
        c = double(a)
        c.backward()
        return [a.grad.numpy(), (c / a).detach().numpy()] if data.document else [a.grad.numpy()]

    return step


def in_jax(data):
    import jax
    import jax.numpy as jnp
    norm = _norm(data.document, jnp.abs, jnp.sqrt)
    both = jax.value_and_grad(lambda a: _double(a, norm, jnp.sum))
    kept = jnp.array(data.a)

    def step():
        a = jnp.array(data.a) if data.document else kept
        c, grad = both(a)
        return [np.asarray(grad), np.asarray(c / a)] if data.document else [np.asarray(grad)]

    return step
