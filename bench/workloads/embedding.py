"""A bag of words: embedding (20,000 x 128), mean of 50 words, softmax cross-entropy, all gradients."""
from __future__ import annotations

import numpy as np

WORDS, WIDTH, LENGTH, BATCH, CLASSES = 20_000, 128, 50, 64, 10
CASES: dict = {"embedding": {}}
TOLERANCE = 1e-5
BY_HAND = list(CASES)


def inputs(random):
    return {"words": random.randint(0, WORDS, (BATCH, LENGTH)).astype("int32"),
            "y": random.randint(0, CLASSES, BATCH).astype("int32"),
            "params": [random.randn(WORDS, WIDTH).astype("float32"),
                       random.randn(WIDTH, CLASSES).astype("float32"), np.zeros(CLASSES, "float32")]}


def flops():
    return 3 * 2.0 * BATCH * WIDTH * CLASSES


def in_numpy(data):
    table, w, b = data.params

    def step():
        mean = table[data.words].mean(axis=1)
        z = mean @ w + b
        z -= z.max(axis=1, keepdims=True)
        d = np.exp(z)
        total = d.sum(axis=1, keepdims=True)
        rows = np.arange(BATCH)
        loss = (np.log(total[:, 0]) - z[rows, data.y]).mean()
        d /= total
        d[rows, data.y] -= 1
        d /= BATCH
        dtable = np.zeros_like(table)
        np.add.at(dtable, data.words, (d @ w.T / LENGTH)[:, None])
        return [loss, dtable, mean.T @ d, d.sum(axis=0)]

    return step


def in_mxnet(data, block):
    from mxnet import autograd, np
    params = [np.array(p) for p in data.params]
    words, y = np.array(data.words, dtype="int32"), np.array(data.y, dtype="int32")
    for p in params:
        p.attach_grad()

    def forward(np, npx, words, y, table, w, b):
        mean = npx.embedding(words, table, input_dim=WORDS, output_dim=WIDTH).mean(axis=1)
        return -npx.pick(npx.log_softmax(np.dot(mean, w) + b, axis=-1), y).mean()

    loss = block(forward)

    def step():
        with autograd.record():
            value = loss(words, y, *params)
        value.backward()
        return [value, *[p.grad for p in params]]

    return step


def in_torch(data, engine):
    import torch
    from torch.nn.functional import cross_entropy, embedding
    params = engine.parameters(data.params)
    words, y = torch.tensor(data.words).long(), torch.tensor(data.y).long()

    def loss(params, words, y):
        table, w, b = params
        return cross_entropy(torch.addmm(b, embedding(words, table).mean(dim=1), w), y)

    gradient = engine.gradient(loss)

    def step():
        value, grads = gradient(params, words, y)
        return [value, *grads]

    return step


def in_jax(data):
    import jax
    import jax.numpy as jnp
    params, words, y = [jnp.array(p) for p in data.params], jnp.array(data.words), jnp.array(data.y)

    def loss(params, words, y):
        table, w, b = params
        scores = jax.nn.log_softmax(table[words].mean(axis=1) @ w + b)
        return -jnp.take_along_axis(scores, y[:, None], axis=1).mean()

    both = jax.jit(jax.value_and_grad(loss))

    def step():
        value, grads = both(params, words, y)
        return [value, *grads]

    return step


def in_pytensor(data):
    import pytensor
    import pytensor.tensor as pt
    words, y = pt.imatrix(), pt.ivector()
    params = [pt.fmatrix(), pt.fmatrix(), pt.fvector()]
    table, w, b = params
    scores = pt.special.log_softmax(table[words].mean(axis=1) @ w + b, axis=-1)
    loss = -scores[pt.arange(y.shape[0]), y].mean()
    both = pytensor.function([words, y, *params], [loss, *pytensor.grad(loss, params)], mode="NUMBA",
                             trust_input=True)
    return lambda: both(data.words, data.y, *data.params)
