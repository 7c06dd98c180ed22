"""Handwritten digits without Gluon: softmax regression, then a perceptron with one hidden layer.

A plain MXNet script: it runs under MXNet 1.9.1 and 2.0.0b1 and, unmodified, under tracer
(`python -m tracer examples/digits_from_scratch.py`). The data are scikit-learn's: 1797 real digits of 8 x 8 pixels, the
last fifth of a fixed shuffle kept for the test. Batches are shuffled by NumPy with a fixed seed and the parameters drawn
by MXNet with a fixed seed, so that the losses are the same everywhere.
"""
import time

import numpy
from mxnet import autograd, np, npx
from sklearn.datasets import load_digits

npx.set_np()

BATCH_SIZE = 64


def load_data():
    """Training and test pixels (float32, 0 to 1) and labels (int32), as NumPy arrays: 1437 and 360 rows."""
    pixels, labels = load_digits(return_X_y=True)
    order = numpy.random.RandomState(0).permutation(len(labels))
    pixels = (pixels[order] / 16).astype('float32')
    labels = labels[order].astype('int32')
    return pixels[:1437], labels[:1437], pixels[1437:], labels[1437:]


def batches(pixels, labels, rng):
    """One epoch of shuffled batches, as MXNet arrays; the last one is smaller (29 rows of 64)."""
    order = rng.permutation(len(labels))
    for start in range(0, len(order), BATCH_SIZE):
        chosen = order[start:start + BATCH_SIZE]
        yield np.array(pixels[chosen]), np.array(labels[chosen], dtype='int32')


class SoftmaxRegression:
    """A linear layer and a softmax, written out."""

    def __init__(self):
        self.params = [np.random.normal(0, 0.01, size=(64, 10)), np.zeros(10)]

    def __call__(self, x):
        """Probabilities, one row for each image."""
        w, b = self.params
        scores = np.exp(np.dot(x, w) + b)
        return scores / scores.sum(axis=1, keepdims=True)

    def loss(self, x, y):
        """Cross-entropy of each image."""
        return -np.log(self(x)[range(len(y)), y])


class Perceptron:
    """64 pixels, 128 hidden units, 10 classes."""

    def __init__(self):
        self.params = [
            np.random.normal(0, 0.1, size=(64, 128)), np.zeros(128),
            np.random.normal(0, 0.1, size=(128, 10)), np.zeros(10),
        ]

    def __call__(self, x):
        """Scores before the softmax, one row for each image."""
        w1, b1, w2, b2 = self.params
        hidden = npx.relu(np.dot(x, w1) + b1)
        return np.dot(hidden, w2) + b2

    def loss(self, x, y):
        """Cross-entropy of each image."""
        return -npx.pick(npx.log_softmax(self(x), axis=-1), y)


def sgd(params, lr, batch_size):
    """One step down the gradient of the mean loss."""
    for param in params:
        param[:] = param - lr * param.grad / batch_size


def train_step(net, x, y, lr):
    """Forward, backward and update; only the mean loss is read, as a Python float."""
    with autograd.record():
        loss = net.loss(x, y)
    loss.backward()
    sgd(net.params, lr, len(y))
    return float(loss.mean())


def accuracy(net, pixels, labels):
    """The share of images whose largest output is their label."""
    predicted = net(np.array(pixels)).argmax(axis=1).asnumpy()
    return float((predicted == labels).mean())


class Progress:
    """Progress lines: one for each epoch, and within an epoch one about every second."""

    def __init__(self, name):
        self.name = name
        self.last = time.monotonic()

    def step(self, epoch, step, loss):
        if time.monotonic() - self.last > 0.8:
            self.line(f'epoch {epoch:2d} step {step:3d}: loss {loss:.4f}')

    def line(self, text):
        print(f'{self.name}: {text}', flush=True)
        self.last = time.monotonic()


def train(net, epochs, lr, decay):
    """Train with a rate of lr / (1 + decay * step); returns the loss of every step."""
    pixels, labels, _, _ = load_data()
    for param in net.params:
        param.attach_grad()
    rng = numpy.random.RandomState(1)
    progress = Progress(type(net).__name__)
    losses = []
    for epoch in range(epochs):
        start = len(losses)
        for x, y in batches(pixels, labels, rng):
            losses.append(train_step(net, x, y, lr / (1 + decay * len(losses))))
            progress.step(epoch, len(losses), losses[-1])
        mean = sum(losses[start:]) / (len(losses) - start)
        progress.line(f'epoch {epoch:2d}: mean loss {mean:.4f}, learning rate {lr / (1 + decay * len(losses)):.4f}')
    return losses


def softmax_regression():
    """The trained regression and its losses."""
    npx.random.seed(0)
    net = SoftmaxRegression()
    return net, train(net, epochs=10, lr=0.5, decay=0.002)


def perceptron():
    """The trained perceptron and its losses."""
    npx.random.seed(0)
    net = Perceptron()
    return net, train(net, epochs=20, lr=0.5, decay=0.002)


def main():
    _, _, pixels, labels = load_data()
    for train_net in softmax_regression, perceptron:
        net, _ = train_net()
        print(f'{type(net).__name__}: test accuracy {accuracy(net, pixels, labels):.4f}')


if __name__ == '__main__':
    main()
