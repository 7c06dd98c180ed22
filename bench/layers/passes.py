"""Forward passes of a network described as data, alone or with all gradients, for every engine.

Attributes of `data`:
    net, params, stats: the network, as `layers.draw` returns it.
    x: the input.
    head: the gradient of the output, for a backward too, or None.
    training: whether batch_norm normalizes by the batch.

A call returns the output, and with `head` the gradients of x and of the parameters.
"""
from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench import layers
from bench.layers import in_gluon, reference
from bench.layers import in_jax as jax_layers
from bench.layers import in_torch as torch_layers


def cases(named: dict[str, tuple[SimpleNamespace, list[int]]]) -> dict[str, dict[str, Any]]:
    """Two cases for each of the named pairs (layer, shape of its input): forward, and with gradients."""
    return {name + end: {"layer": vars(layer), "shape": shape, "gradients": bool(end)}
            for name, (layer, shape) in named.items() for end in ("", "-grads")}


def inputs(random: np.random.RandomState, layer: dict[str, Any], shape: list[int], gradients: bool,
           training: bool) -> dict[str, Any]:
    """The inputs of a layer's case; the values of x are all different, so that the largest of a window is one."""
    net, size = [SimpleNamespace(**layer)], int(np.prod(shape))
    x = (random.permutation(size) * (4 / size) - 2).astype("float32").reshape(shape)
    head = random.randn(*layers.plan(net, shape).shape).astype("float32") if gradients else None
    return {**layers.draw(random, net, shape), "x": x, "head": head, "training": training}


def flops(layer: dict[str, Any], shape: list[int], gradients: bool) -> float:
    """The fewest flops of a layer's case: each gradient has the forward's."""
    return (3 if gradients else 1) * layers.plan([SimpleNamespace(**layer)], shape).flops


def in_numpy(data: SimpleNamespace) -> Callable:
    def step():
        y, back = reference.run(data.net, data.params, data.stats, data.training, data.x)
        if data.head is None:
            return [y]
        dx, grads = back(data.head)
        return [y, dx, *grads]

    return step


def _in_gluon(data: SimpleNamespace, hybridized: bool) -> Callable:
    from mxnet import autograd, np
    net, params = in_gluon.build(data.net, data.params, data.stats)
    if hybridized:
        net.hybridize(static_alloc=True, static_shape=True)
    x = np.array(data.x)

    def forward():
        if data.training:
            with autograd.train_mode():
                return [net(x)]
        return [net(x)]

    if data.head is None:
        return forward
    head = np.array(data.head)
    x.attach_grad()

    def both():
        with autograd.record():
            y = net(x)
        y.backward(head)
        return [y, x.grad, *[p.grad() for p in params]]

    return both


def in_mxnet(data: SimpleNamespace, block: Callable) -> Callable:
    return _in_gluon(data, hybridized=False)


def in_mxnet_hybrid(data: SimpleNamespace) -> Callable:
    return _in_gluon(data, hybridized=True)


def in_torch(data: SimpleNamespace, engine: Any) -> Callable:
    import torch
    params, stats = engine.parameters(data.params), [torch.tensor(a) for a in data.stats]
    x = engine.images(data.x)

    def network(x, params):
        return torch_layers.run(data.net, params, stats, data.training, x)

    compiled = engine.compile(network)
    if data.head is None:
        def forward():
            with torch.no_grad():
                return [compiled(x, params)]

        return forward
    wanted, head = [a.requires_grad_() for a in (x, *params)], engine.images(data.head)

    def both():
        y = compiled(x, params)
        return [y, *torch.autograd.grad(y, wanted, head)]

    return both


def in_jax(data: SimpleNamespace) -> Callable:
    import jax
    import jax.numpy as jnp
    params, stats, x = [jnp.array(a) for a in data.params], [jnp.array(a) for a in data.stats], jnp.array(data.x)

    def network(x, params, stats):
        return jax_layers.run(data.net, params, stats, data.training, x)

    if data.head is None:
        forward = jax.jit(network)
        return lambda: [forward(x, params, stats)[0]]
    head = jnp.array(data.head)

    def pulled(x, params, stats, head):
        y, pull, moved = jax.vjp(lambda x, params: network(x, params, stats), x, params, has_aux=True)
        dx, grads = pull(head)
        return y, dx, grads, moved

    compiled = jax.jit(pulled)

    def both():
        y, dx, grads, _ = compiled(x, params, stats, head)
        return [y, dx, *grads]

    return both
