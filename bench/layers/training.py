"""Training steps of a network described as data, for every engine.

Attributes of `data`:
    net, params, stats: the network, as `layers.draw` returns it.
    batches: a list of (x, y): y are classes (int32), for the mean softmax cross-entropy over the last axis, or values
        (float32), for half the mean squared difference.
    rate: the learning rate.
    momentum: SGD's momentum; 0 for none.
    clip: the largest global norm of the gradients, or None.
    adam: whether the optimizer is Adam, else it is SGD.

A call of the step trains on every batch once, reads the loss each time, as training loops do, and returns the last loss
and the parameters. Engines keep moving statistics as they do in training, NumPy does not: no result shows them.
"""
from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench import layers
from bench.layers import in_gluon, reference
from bench.layers import in_jax as jax_layers
from bench.layers import in_torch as torch_layers

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def inputs(random: np.random.RandomState, net: list, batches: list, rate: float, momentum: float = 0.0,
           clip: Any = None, adam: bool = False) -> dict[str, Any]:
    """The inputs of a step, with parameters drawn for the shape of the first batch."""
    return {**layers.draw(random, net, batches[0][0].shape), "batches": batches, "rate": rate, "momentum": momentum,
            "clip": clip, "adam": adam}


def flops(net: list, shape: Sequence[int]) -> float:
    """The fewest flops of forward and backward: the forward's three times, without the gradient of the input."""
    return 3 * layers.plan(net, shape).flops - layers.plan(net[:1], shape).flops


def _adam_rate(rate: float, t: int) -> float:
    """Adam's learning rate at step t, with both bias corrections in it, as MXNet has it: epsilon is not corrected."""
    return rate * math.sqrt(1 - BETA2 ** t) / (1 - BETA1 ** t)


def _numpy_loss(z: np.ndarray, y: np.ndarray) -> tuple[Any, np.ndarray]:
    """The loss of outputs z, and its gradient."""
    if y.dtype != np.int32:
        return ((z - y) ** 2).mean() / 2, (z - y) / z.size
    scores = z.reshape(-1, z.shape[-1])
    scores = scores - scores.max(axis=1, keepdims=True)
    d = np.exp(scores)
    total, rows = d.sum(axis=1, keepdims=True), np.arange(y.size)
    loss = (np.log(total[:, 0]) - scores[rows, y.ravel()]).mean()
    d /= total
    d[rows, y.ravel()] -= 1
    return loss, (d / y.size).reshape(z.shape)


def in_numpy(data: SimpleNamespace) -> Callable:
    params = [a.copy() for a in data.params]
    means, squares = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
    count = itertools.count(1)

    def step():
        for x, y in data.batches:
            z, back = reference.run(data.net, params, data.stats, True, x)
            loss, d = _numpy_loss(z, y)
            _, grads = back(d)
            t = next(count)
            scale = 1.0
            if data.clip:
                scale = min(1.0, data.clip / math.sqrt(sum(float((g * g).sum()) for g in grads)))
            for p, g, m, v in zip(params, grads, means, squares):
                if data.adam:
                    m *= BETA1
                    m += (1 - BETA1) * g
                    v *= BETA2
                    v += (1 - BETA2) * g * g
                    p -= _adam_rate(data.rate, t) * m / (np.sqrt(v) + EPSILON)
                else:
                    m *= data.momentum
                    m += scale * g
                    p -= data.rate * m
        return [float(loss), *params]

    return step


def _in_gluon(data: SimpleNamespace, hybridized: bool) -> Callable:
    from mxnet import autograd, gluon, np
    net, params = in_gluon.build(data.net, data.params, data.stats)
    entropy = data.batches[0][1].dtype == "int32"
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss() if entropy else gluon.loss.L2Loss()
    if hybridized:
        net.hybridize(static_alloc=True, static_shape=True)
        loss_of.hybridize(static_alloc=True, static_shape=True)
    adam = {"learning_rate": data.rate, "beta1": BETA1, "beta2": BETA2, "epsilon": EPSILON}
    sgd = {"learning_rate": data.rate, "momentum": data.momentum}
    trainer = gluon.Trainer(net.collect_params(), *(("adam", adam) if data.adam else ("sgd", sgd)))
    batches = [(np.array(x, dtype=x.dtype), np.array(y, dtype=y.dtype)) for x, y in data.batches]
    results = [p.data() for p in params]

    def step():
        for x, y in batches:
            with autograd.record():
                loss = loss_of(net(x), y)
            loss.backward()
            if data.clip:
                grads = [p.grad().as_nd_ndarray() for p in params]  # MXNet 1.9.1 takes no others
                gluon.utils.clip_global_norm(grads, data.clip * len(y))
            trainer.step(len(y))
            value = float(loss.mean())
        return [value, *results]

    return step


def in_mxnet(data: SimpleNamespace, block: Callable) -> Callable:
    return _in_gluon(data, hybridized=False)


def in_mxnet_hybrid(data: SimpleNamespace) -> Callable:
    return _in_gluon(data, hybridized=True)


def in_torch(data: SimpleNamespace, engine: Any) -> Callable:
    """PyTorch with its fused optimizers; the forward with the loss is compiled if the engine compiles."""
    import torch
    from torch.nn import functional as F
    params = [p.requires_grad_() for p in engine.parameters(data.params)]
    stats, count = [torch.tensor(a) for a in data.stats], itertools.count(1)
    entropy = data.batches[0][1].dtype == "int32"
    batches = [(engine.images(x), torch.tensor(y).long() if entropy else torch.tensor(y)) for x, y in data.batches]
    if data.adam:
        optimizer = torch.optim.Adam(params, lr=data.rate, betas=(BETA1, BETA2), eps=EPSILON, fused=True)
    else:
        optimizer = torch.optim.SGD(params, lr=data.rate, momentum=data.momentum, fused=True)

    def loss_of(x, y):
        z = torch_layers.run(data.net, params, stats, True, x)
        return F.cross_entropy(z.flatten(0, -2), y.flatten()) if entropy else F.mse_loss(z, y) / 2

    compiled = engine.compile(loss_of)

    def step():
        for x, y in batches:
            if data.adam:  # MXNet's place of epsilon
                optimizer.param_groups[0]["eps"] = EPSILON / math.sqrt(1 - BETA2 ** next(count))
            optimizer.zero_grad()
            loss = compiled(x, y)
            loss.backward()
            if data.clip:
                torch.nn.utils.clip_grad_norm_(params, data.clip)
            optimizer.step()
            value = loss.item()
        return [value, *params]

    return step


def in_jax(data: SimpleNamespace) -> Callable:
    import jax
    import jax.numpy as jnp
    entropy, count = data.batches[0][1].dtype == "int32", itertools.count(1)
    batches = [(jnp.array(x), jnp.array(y)) for x, y in data.batches]

    def loss(params, stats, x, y):
        z, moved = jax_layers.run(data.net, params, stats, True, x)
        if not entropy:
            return ((z - y) ** 2).mean() / 2, moved
        return -jnp.take_along_axis(jax.nn.log_softmax(z), y[..., None], axis=-1).mean(), moved

    def update(state, x, y, rate):
        params, stats, means, squares = state
        (value, stats), grads = jax.value_and_grad(loss, has_aux=True)(params, stats, x, y)
        if data.clip:
            norm = jnp.sqrt(sum((g * g).sum() for g in grads))
            grads = [g * jnp.minimum(1, data.clip / norm) for g in grads]
        if data.adam:
            means = [BETA1 * m + (1 - BETA1) * g for m, g in zip(means, grads)]
            squares = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(squares, grads)]
            grads = [m / (jnp.sqrt(v) + EPSILON) for m, v in zip(means, squares)]
        elif data.momentum:
            grads = means = [data.momentum * m + g for m, g in zip(means, grads)]
        return value, ([p - rate * g for p, g in zip(params, grads)], stats, means, squares)

    compiled = jax.jit(update, donate_argnums=0)
    params, stats = [jnp.array(a) for a in data.params], [jnp.array(a) for a in data.stats]
    means = [jnp.zeros_like(p) for p in params] if data.adam or data.momentum else []
    state = [(params, stats, means, [jnp.zeros_like(p) for p in params] if data.adam else [])]

    def step():
        for x, y in batches:
            t = next(count)
            loss, state[0] = compiled(state[0], x, y, _adam_rate(data.rate, t) if data.adam else data.rate)
            value = float(loss)
        return [value, *state[0][0]]

    return step
