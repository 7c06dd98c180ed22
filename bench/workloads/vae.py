"""A training step of a variational autoencoder 784-400-20 of 128 images, through Gluon, with Adam; noise is given."""
from __future__ import annotations

import itertools
import math

import numpy as np

from bench.workloads.gluon import arrays, fill

ROWS, PIXELS, HIDDEN, LATENT = 128, 784, 400, 20
RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
#: The layers in the order of `data.layers`.
SIZES = [(PIXELS, HIDDEN), (HIDDEN, LATENT), (HIDDEN, LATENT), (LATENT, HIDDEN), (HIDDEN, PIXELS)]
CASES: dict = {"vae-128": {}}
TOLERANCE = 3e-4  # Adam makes whole steps of gradients that are nearly zero, of which rounding is a large share
BY_HAND = list(CASES)


def inputs(random):
    layers = [((random.randn(m, n) / math.sqrt(m)).astype("float32"), (random.randn(n) * 0.1).astype("float32"))
              for m, n in SIZES]
    return {"layers": layers, "x": random.rand(ROWS, PIXELS).astype("float32"),
            "noise": random.randn(ROWS, LATENT).astype("float32")}


def flops():
    products = [2.0 * ROWS * m * n for m, n in SIZES]
    return 3 * sum(products) - products[0]


def _rate(t):
    """Adam's learning rate at step t, with both bias corrections in it, as MXNet has it: epsilon is not corrected."""
    return RATE * math.sqrt(1 - BETA2 ** t) / (1 - BETA1 ** t)


def _numpy_gradients(params, x, noise):
    w1, b1, w_mean, b_mean, w_log, b_log, w2, b2, w3, b3 = params
    h = np.maximum(x @ w1 + b1, 0)
    mean, log = h @ w_mean + b_mean, h @ w_log + b_log
    spread = np.exp(log / 2)
    z = mean + noise * spread
    g = np.maximum(z @ w2 + b2, 0)
    o = g @ w3 + b3
    small = np.exp(-np.abs(o))
    entropy = np.maximum(o, 0) - o * x + np.log1p(small)
    divergence = (mean * mean + spread * spread - log - 1) / 2
    loss = (entropy.sum() + divergence.sum()) / ROWS
    d_o = (np.where(o > 0, 1, small) / (1 + small) - x) / ROWS
    d_g = (d_o @ w3.T) * (g > 0)
    d_z = d_g @ w2.T
    d_mean = d_z + mean / ROWS
    d_log = d_z * noise * spread / 2 + (spread * spread - 1) / (2 * ROWS)
    d_h = (d_mean @ w_mean.T + d_log @ w_log.T) * (h > 0)
    pairs = [(x, d_h), (h, d_mean), (h, d_log), (z, d_g), (g, d_o)]
    return loss, [grad for a, d in pairs for grad in (a.T @ d, d.sum(axis=0))]


def in_numpy(data):
    params = [a.copy() for layer in data.layers for a in layer]
    means, squares = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
    count = itertools.count(1)

    def step():
        rate = _rate(next(count))
        loss, grads = _numpy_gradients(params, data.x, data.noise)
        for p, g, m, v in zip(params, grads, means, squares):
            m *= BETA1
            m += (1 - BETA1) * g
            v *= BETA2
            v += (1 - BETA2) * g * g
            p -= rate * m / (np.sqrt(v) + EPSILON)
        return [float(loss), *params]

    return step


def _in_gluon(data, hybridized):
    from mxnet import autograd, gluon, np

    class Autoencoder(gluon.HybridBlock):
        """The loss of each image: the cross-entropy of its reconstruction and the divergence of its code."""

        def __init__(self):
            super().__init__()
            self.layers = gluon.nn.HybridSequential()
            for m, n in SIZES:
                self.layers.add(gluon.nn.Dense(n, in_units=m))

        def hybrid_forward(self, F, x, noise):
            hidden, mean_of, log_of, back, out = self.layers
            h = F.npx.relu(hidden(x))
            mean, log = mean_of(h), log_of(h)
            o = out(F.npx.relu(back(mean + noise * F.np.exp(log / 2))))
            entropy = F.npx.relu(o) - o * x + F.np.log1p(F.np.exp(-F.np.abs(o)))
            divergence = (mean * mean + F.np.exp(log) - log - 1) / 2
            return entropy.sum(axis=1) + divergence.sum(axis=1)

    net = Autoencoder()
    net.initialize()
    fill(net.layers, data.layers)
    if hybridized:
        net.hybridize(static_alloc=True, static_shape=True)
    options = {"learning_rate": RATE, "beta1": BETA1, "beta2": BETA2, "epsilon": EPSILON}
    trainer = gluon.Trainer(net.collect_params(), "adam", options)
    x, noise = np.array(data.x), np.array(data.noise)
    results = arrays(net.layers)

    def step():
        with autograd.record():
            loss = net(x, noise)
        loss.backward()
        trainer.step(ROWS)
        return [float(loss.mean()), *results]

    return step


def in_mxnet(data, block):
    return _in_gluon(data, hybridized=False)


def in_mxnet_hybrid(data):
    return _in_gluon(data, hybridized=True)


def _torch_loss(params, x, noise):
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
    w1, b1, w_mean, b_mean, w_log, b_log, w2, b2, w3, b3 = params
    h = torch.relu(torch.addmm(b1, x, w1))
    mean, log = torch.addmm(b_mean, h, w_mean), torch.addmm(b_log, h, w_log)
    g = torch.relu(torch.addmm(b2, mean + noise * torch.exp(log / 2), w2))
    entropy = cross_entropy(torch.addmm(b3, g, w3), x, reduction="sum")
    return (entropy + (mean * mean + torch.exp(log) - log - 1).sum() / 2) / ROWS


def in_torch(data, engine):
    """Eager PyTorch with its fused optimizer."""
    import torch
    params = engine.parameters([a for layer in data.layers for a in layer])
    x, noise, count = torch.tensor(data.x), torch.tensor(data.noise), itertools.count(1)
    optimizer = torch.optim.Adam(params, lr=RATE, betas=(BETA1, BETA2), eps=EPSILON, fused=True)

    def step():
        optimizer.param_groups[0]["eps"] = EPSILON / math.sqrt(1 - BETA2 ** next(count))  # MXNet's place of epsilon
        optimizer.zero_grad()
        loss = _torch_loss(params, x, noise)
        loss.backward()
        optimizer.step()
        return [loss.item(), *params]

    return step


def in_torch_compile(data, engine):
    """The whole step as one graph; the rate is passed as a tensor, because another number would cause compilation."""
    import torch
    params = engine.parameters([a for layer in data.layers for a in layer])
    means, squares = [torch.zeros_like(p) for p in params], [torch.zeros_like(p) for p in params]
    x, noise, count = torch.tensor(data.x), torch.tensor(data.noise), itertools.count(1)

    def update(params, means, squares, x, noise, rate):
        grads, loss = torch.func.grad_and_value(_torch_loss)(params, x, noise)
        for p, g, m, v in zip(params, grads, means, squares):
            m.mul_(BETA1).add_(g, alpha=1 - BETA1)
            v.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
            p.sub_(rate * m / (v.sqrt() + EPSILON))
        return loss

    compiled = engine.compile(update)

    def step():
        return [compiled(params, means, squares, x, noise, torch.tensor(_rate(next(count)))).item(), *params]

    return step


def in_jax(data):
    import jax
    import jax.numpy as jnp
    x, noise, count = jnp.array(data.x), jnp.array(data.noise), itertools.count(1)

    def loss(params, x, noise):
        w1, b1, w_mean, b_mean, w_log, b_log, w2, b2, w3, b3 = params
        h = jax.nn.relu(x @ w1 + b1)
        mean, log = h @ w_mean + b_mean, h @ w_log + b_log
        o = jax.nn.relu((mean + noise * jnp.exp(log / 2)) @ w2 + b2) @ w3 + b3
        entropy = jax.nn.relu(o) - o * x + jnp.log1p(jnp.exp(-jnp.abs(o)))
        return (entropy.sum() + (mean * mean + jnp.exp(log) - log - 1).sum() / 2) / ROWS

    def update(state, x, noise, rate):
        params, means, squares = state
        value, grads = jax.value_and_grad(loss)(params, x, noise)
        means = [BETA1 * m + (1 - BETA1) * g for m, g in zip(means, grads)]
        squares = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(squares, grads)]
        moved = [p - rate * m / (jnp.sqrt(v) + EPSILON) for p, m, v in zip(params, means, squares)]
        return value, (moved, means, squares)

    compiled = jax.jit(update, donate_argnums=0)
    params = [jnp.array(a) for layer in data.layers for a in layer]
    state = [(params, *[[jnp.zeros_like(p) for p in params] for _ in range(2)])]

    def step():
        value, state[0] = compiled(state[0], x, noise, _rate(next(count)))
        return [float(value), *state[0][0]]

    return step
