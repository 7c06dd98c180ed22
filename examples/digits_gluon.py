"""Handwritten digits with Gluon: a multilayer perceptron, then a convolutional network.

A plain MXNet script: it runs under MXNet 1.9.1 and, unmodified, under tracer (`python -m tracer
examples/digits_gluon.py`; with `--imperative` the networks are not hybridized).

Both networks are trained by the same loop, on scikit-learn's 1797 real digits of 8 x 8 pixels, of which a fifth is kept
for the test. The perceptron has dropout; the convolutional network is a small LeNet (LeCun et al., "Gradient-Based
Learning Applied to Document Recognition", 1998), with momentum and a learning rate that halves every few epochs.
"""
import sys

import mxnet as mx
import numpy
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn
from sklearn.datasets import load_digits
from terminal import Progress

BATCH_SIZE = 64


def load_data():
    """Data sets of pixels (0 to 1, shape (1, 8, 8)) and labels: 1408 pairs for training and 389 for the test."""
    pixels, labels = load_digits(return_X_y=True)
    order = numpy.random.RandomState(0).permutation(len(labels))
    pixels = (pixels[order] / 16).astype('float32').reshape(-1, 1, 8, 8)
    labels = labels[order].astype('int32')
    return gluon.data.ArrayDataset(pixels[:1408], labels[:1408]), gluon.data.ArrayDataset(pixels[1408:], labels[1408:])


def perceptron():
    """A network with two hidden layers."""
    net = nn.HybridSequential()
    net.add(nn.Dense(128, activation='relu'), nn.Dropout(0.2), nn.Dense(64, activation='relu'), nn.Dense(10))
    return net


def lenet():
    """A network with two convolutions."""
    net = nn.HybridSequential()
    net.add(nn.Conv2D(8, kernel_size=3, padding=1, activation='relu'), nn.MaxPool2D(2, 2),
            nn.Conv2D(16, kernel_size=3, padding=1, activation='relu'), nn.MaxPool2D(2, 2),
            nn.Dense(64, activation='relu'), nn.Dense(10))
    return net


def train(net, optimizer, settings, epochs, hybridize=True):
    """Train a network, which is initialized here; returns the loss of every step."""
    training, _ = load_data()
    mx.random.seed(0)
    numpy.random.seed(0)  # DataLoader shuffles with NumPy's generator
    net.initialize(mx.init.Xavier())
    if hybridize:
        net.hybridize()
    loader = gluon.data.DataLoader(training, BATCH_SIZE, shuffle=True)
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), optimizer, settings)
    metric = mx.metric.Accuracy()
    losses = []
    for epoch in range(epochs):
        metric.reset()
        progress = Progress(f'epoch {epoch + 1:2d}', len(loader))
        for x, y in loader:
            with autograd.record():
                scores = net(x)
                loss = loss_of(scores, y)
            loss.backward()
            trainer.step(len(y))
            metric.update([y], [scores])
            losses.append(loss.mean().asscalar())
            progress.step(f'loss {losses[-1]:.4f}')
        mean = sum(losses[-progress.steps:]) / progress.steps
        progress.end(f'mean loss {mean:.4f}, training accuracy {metric.get()[1]:.4f}')
    return losses


def accuracy(net):
    """The share of test images whose largest output is their label."""
    _, test = load_data()
    metric = mx.metric.Accuracy()
    for x, y in gluon.data.DataLoader(test, len(test)):
        metric.update([y], [net(x)])
    return metric.get()[1]


def train_perceptron(hybridize=True, epochs=15):
    """The trained perceptron and its losses."""
    net = perceptron()
    return net, train(net, 'adam', {'learning_rate': 0.003}, epochs, hybridize)


def train_lenet(hybridize=True, epochs=12):
    """The trained convolutional network and its losses."""
    net = lenet()
    schedule = mx.lr_scheduler.FactorScheduler(step=88, factor=0.5, base_lr=0.1)  # 88 steps are 4 epochs
    return net, train(net, 'sgd', {'momentum': 0.9, 'lr_scheduler': schedule}, epochs, hybridize)


def main(hybridize=True):
    found = {}
    for name, train_net in ('perceptron', train_perceptron), ('LeNet', train_lenet):
        print(name)
        net, losses = train_net(hybridize)
        found[name] = losses, accuracy(net)
        print(f'{name}: test accuracy {found[name][1]:.3f}')
    return found


if __name__ == '__main__':
    main('--imperative' not in sys.argv)
