"""Draws docs/step.svg: a training step of a small network, in plain MXNet code. Run `python -m tracer docs/step.py`."""
from pathlib import Path

import mxnet as mx
from mxnet import autograd, np, npx

npx.set_np()
w1, b1 = np.random.normal(0, 0.1, (64, 32)), np.zeros(32)
w2, b2 = np.random.normal(0, 0.1, (32, 10)), np.zeros(10)
for p in (w1, b1, w2, b2):
    p.attach_grad()


def step(x, y, lr=0.1):
    with autograd.record():
        h = npx.relu(np.dot(x, w1) + b1)
        logits = np.dot(h, w2) + b2
        loss = -npx.pick(npx.log_softmax(logits), y).mean()
    loss.backward()
    for p in (w1, b1, w2, b2):
        p -= lr * p.grad
    return loss


x, y = np.random.normal(size=(16, 64)), np.arange(16) % 10
for _ in range(5):
    step(x, y).item()
mx.viz.draw(step, x, y).save(Path(__file__).with_name("step.svg"))
