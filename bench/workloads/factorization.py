"""A training step of matrix factorization: embeddings of 50,000 users and 20,000 items, 1,024 ratings, SGD."""
from __future__ import annotations

import itertools

import numpy as np

USERS, ITEMS, WIDTH, ROWS, BATCHES, RATE = 50_000, 20_000, 64, 1_024, 16, 10.0
CASES: dict = {"factorization": {}}
TOLERANCE = 1e-5
BY_HAND = list(CASES)


def inputs(random):
    return {"tables": [(random.randn(rows, WIDTH) * 0.1).astype("float32") for rows in (USERS, ITEMS)],
            "batches": [[random.randint(0, USERS, ROWS).astype("int32"), random.randint(0, ITEMS, ROWS).astype("int32"),
                         random.randn(ROWS).astype("float32")] for _ in range(BATCHES)]}


def in_numpy(data):
    users, items = [table.copy() for table in data.tables]
    batches = itertools.cycle(data.batches)

    def step():
        u, i, y = next(batches)
        of_users, of_items = users[u], items[i]
        error = (of_users * of_items).sum(axis=1) - y
        scaled = (RATE / ROWS) * error[:, None]
        np.subtract.at(users, u, scaled * of_items)
        np.subtract.at(items, i, scaled * of_users)
        return [float((0.5 * error * error).mean()), users, items]

    return step


def _in_gluon(data, hybridized):
    from mxnet import autograd, gluon, np

    class Model(gluon.HybridBlock):
        """The products of users' and items' vectors."""

        def __init__(self):
            super().__init__()
            self.users = gluon.nn.Embedding(USERS, WIDTH)
            self.items = gluon.nn.Embedding(ITEMS, WIDTH)

        def hybrid_forward(self, F, users, items):
            return (self.users(users) * self.items(items)).sum(axis=1)

    model, loss_of = Model(), gluon.loss.L2Loss()
    model.initialize()
    tables = [model.users.weight, model.items.weight]
    for table, value in zip(tables, data.tables):
        table.set_data(value)
    if hybridized:
        model.hybridize(static_alloc=True, static_shape=True)
        loss_of.hybridize(static_alloc=True, static_shape=True)
    trainer = gluon.Trainer(model.collect_params(), "sgd", {"learning_rate": RATE})
    batches = itertools.cycle([[np.array(a, dtype=a.dtype) for a in batch] for batch in data.batches])
    results = [table.data() for table in tables]

    def step():
        users, items, y = next(batches)
        with autograd.record():
            loss = loss_of(model(users, items), y)
        loss.backward()
        trainer.step(ROWS)
        return [float(loss.mean()), *results]

    return step


def in_mxnet(data, block):
    return _in_gluon(data, hybridized=False)


def in_mxnet_hybrid(data):
    return _in_gluon(data, hybridized=True)


def _torch_batches(torch, data):
    return itertools.cycle([(torch.tensor(u).long(), torch.tensor(i).long(), torch.tensor(y))
                            for u, i, y in data.batches])


def in_torch(data, engine):
    """Embeddings with sparse gradients, which measured faster than dense ones with fused SGD."""
    import torch
    from torch.nn.functional import mse_loss
    users, items = [torch.nn.Embedding.from_pretrained(torch.tensor(table), freeze=False, sparse=True)
                    for table in data.tables]
    optimizer = torch.optim.SGD([users.weight, items.weight], lr=RATE / 2)  # the mean square has twice the gradient
    batches = _torch_batches(torch, data)

    def step():
        u, i, y = next(batches)
        optimizer.zero_grad()
        loss = mse_loss((users(u) * items(i)).sum(dim=1), y)
        loss.backward()
        optimizer.step()
        return [loss.item() / 2, users.weight, items.weight]

    return step


def in_torch_compile(data, engine):
    """The step as one graph. The gradients of the rows that a batch reads are added to the tables: there are no sparse
    gradients in compiled graphs, and dense ones measured slower.
    """
    import torch
    tables, batches = engine.parameters(data.tables), _torch_batches(torch, data)

    def loss(of_users, of_items, y):
        return (((of_users * of_items).sum(dim=1) - y) ** 2).mean() / 2

    def update(users, items, u, i, y):
        grads, value = torch.func.grad_and_value(loss, argnums=(0, 1))(users[u], items[i], y)
        users.index_add_(0, u, grads[0], alpha=-RATE)
        items.index_add_(0, i, grads[1], alpha=-RATE)
        return value

    compiled = engine.compile(update)

    def step():
        return [compiled(*tables, *next(batches)).item(), *tables]

    return step


def in_jax(data):
    """The gradients of the rows that a batch reads are added to the tables, in place."""
    import jax
    import jax.numpy as jnp
    batches = itertools.cycle([[jnp.array(a) for a in batch] for batch in data.batches])

    def loss(of_users, of_items, y):
        return jnp.square((of_users * of_items).sum(axis=1) - y).mean() / 2

    def update(tables, u, i, y):
        users, items = tables
        value, grads = jax.value_and_grad(loss, (0, 1))(users[u], items[i], y)
        return value, (users.at[u].add(-RATE * grads[0]), items.at[i].add(-RATE * grads[1]))

    compiled = jax.jit(update, donate_argnums=0)
    state = [tuple(jnp.array(table) for table in data.tables)]

    def step():
        value, state[0] = compiled(state[0], *next(batches))
        return [float(value), *state[0]]

    return step
