"""Functions that tests run in other processes: importable there by a plain name, unlike those of a test module."""
from __future__ import annotations

import graphs
import numpy as onp

from tracer import autograd, np


def train_a_little(seed):
    """Train a few compiled steps (matrix products, fused kernels, an update) and return the loss."""
    rng = onp.random.RandomState(seed)
    x, y, w = (np.array(rng.randn(*s)) for s in ((64, 32), (64, 8), (32, 8)))
    w.attach_grad()
    with graphs.jit_mode("always"):
        for _ in range(5):
            with autograd.record():
                error = np.tanh(np.dot(x, w)) - y
                loss = (error * error).mean()
            loss.backward()
            w -= 0.1 * w.grad
        return float(loss.asnumpy())
