"""Handwritten digits with a symbol and `mx.mod.Module`, as MXNet's scripts were before Gluon.

A plain MXNet script: it runs under MXNet 1.9.1 and, unmodified, under tracer (`python -m tracer
examples/module_digits.py`).

The network, a multilayer perceptron for scikit-learn's digits of 8 x 8 pixels, is a symbol. `Module.fit` trains it on
batches of an `NDArrayIter`; a `Speedometer` logs the speed, and a checkpoint is written every four epochs. Then the last
checkpoint is loaded into another module, with the optimizer's momentum, and training goes on from there.
"""
import logging
import os
import tempfile

import mxnet as mx
import numpy
from sklearn.datasets import load_digits
from terminal import Progress

BATCH_SIZE = 64
EPOCHS, CHECKPOINT = 12, 8


def load_data():
    """Iterators over batches of pixels (0 to 1) and labels: 1408 for training, 389 for validation."""
    pixels, labels = load_digits(return_X_y=True)
    order = numpy.random.RandomState(0).permutation(len(labels))
    pixels, labels = (pixels[order] / 16).astype('float32'), labels[order].astype('float32')
    training = mx.io.NDArrayIter(pixels[:1408], labels[:1408], BATCH_SIZE, shuffle=True)
    validation = mx.io.NDArrayIter(pixels[1408:], labels[1408:], BATCH_SIZE)
    return training, validation


def network():
    """A symbol with two hidden layers, and softmax with its loss."""
    net = mx.sym.Variable('data')
    for name, size in ('fc1', 128), ('fc2', 64):
        net = mx.sym.FullyConnected(net, num_hidden=size, name=name)
        net = mx.sym.Activation(net, act_type='relu', name='relu_' + name)
    net = mx.sym.FullyConnected(net, num_hidden=10, name='fc3')
    return mx.sym.SoftmaxOutput(net, name='softmax')


class Bar:
    """A callback after each batch that draws a progress bar, and keeps the mean losses of the epochs."""

    def __init__(self, steps):
        self.steps = steps
        self.losses = []

    def __call__(self, param):
        if param.nbatch == 0:
            self.progress = Progress('epoch %2d' % (param.epoch + 1), self.steps)
        values = dict(param.eval_metric.get_name_value())
        self.progress.step('loss %.4f' % values['cross-entropy'])
        if param.nbatch + 1 == self.steps:
            self.losses.append(float(values['cross-entropy']))
            self.progress.end('mean loss %.4f, training accuracy %.4f' % (self.losses[-1], values['accuracy']))


def train(module, training, validation, bar, epochs, **keywords):
    """Train a module up to an epoch."""
    meter = mx.callback.Speedometer(BATCH_SIZE, frequent=10, auto_reset=False)
    module.fit(training, eval_data=validation, eval_metric=['acc', 'ce'], validation_metric='acc', optimizer='sgd',
               optimizer_params={'learning_rate': 0.1, 'momentum': 0.9, 'wd': 1e-4}, initializer=mx.init.Xavier(),
               batch_end_callback=[meter, bar], num_epoch=epochs, **keywords)


def main():
    """Train, resume from a checkpoint, and score; returns the mean loss of each epoch, and the accuracy."""
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    mx.random.seed(0)
    numpy.random.seed(0)  # NDArrayIter shuffles with NumPy's generator
    training, validation = load_data()
    bar = Bar(training.num_data // BATCH_SIZE)
    with tempfile.TemporaryDirectory() as folder:
        prefix = os.path.join(folder, 'digits')
        first = mx.mod.Module(network())
        save = mx.callback.module_checkpoint(first, prefix, period=4, save_optimizer_states=True)
        train(first, training, validation, bar, CHECKPOINT, epoch_end_callback=save)
        module = mx.mod.Module.load(prefix, CHECKPOINT, load_optimizer_states=True)
        train(module, training, validation, bar, EPOCHS, begin_epoch=CHECKPOINT)
    (_, score), = module.score(validation, 'acc')
    print('test accuracy %.3f' % score)
    assert score >= 0.95, score
    return bar.losses, float(score)


if __name__ == '__main__':
    main()
