"""A language model of characters: an LSTM learns to go on with an English text.

A plain MXNet script: it runs under MXNet 1.9.1 and, unmodified, under tracer (`python -m tracer examples/char_lm.py`;
with `--imperative` the network is not hybridized).

The text comes with every Python: the description of the architecture of its email package. It is cut into 16 columns
that are read side by side, 16 characters in a step. The state of the LSTM goes from each step to the next, but
gradients do not: `detach` stops them (truncated backpropagation through time). The loss is given in bits a character;
a model that knows the frequencies of the characters, but not their order, needs 4.5.
"""
import math
import sys
from email import __file__ as email_init
from pathlib import Path

import mxnet as mx
import numpy
from mxnet import autograd, gluon, nd
from terminal import Progress

EMBEDDING, HIDDEN = 24, 96
COLUMNS, LENGTH = 16, 16
EPOCHS = 14


def load_data():
    """The characters that occur, and the text as indices of them: a NumPy array for training, one for the test."""
    text = (Path(email_init).parent / 'architecture.rst').read_text(encoding='utf-8')
    characters = sorted(set(text))
    indices = numpy.array([characters.index(c) for c in text], dtype='float32')
    return characters, indices[:-1000], indices[-1000:]


def batches(indices, columns, length):
    """Inputs and targets, of shape (length, columns), in the order of the text: a target is the following character."""
    steps = (len(indices) - 1) // (columns * length)
    used = steps * columns * length
    x = indices[:used].reshape(columns, steps, length)
    y = indices[1:used + 1].reshape(columns, steps, length)
    for step in range(steps):
        yield nd.array(x[:, step].T), nd.array(y[:, step].T)


class CharacterModel(gluon.HybridBlock):
    """Scores of the next character at each place, and the state after the last one."""

    def __init__(self, characters, embedding, hidden, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.embedding = gluon.nn.Embedding(characters, embedding)
            self.lstm = gluon.rnn.LSTM(hidden, input_size=embedding)
            self.scores = gluon.nn.Dense(characters, flatten=False, in_units=hidden)

    def hybrid_forward(self, F, x, hidden, cell):
        output, (hidden, cell) = self.lstm(self.embedding(x), [hidden, cell])
        return self.scores(output), hidden, cell

    def begin_state(self, columns):
        """The state before a text."""
        return self.lstm.begin_state(columns)


def train(hybridize=True, epochs=EPOCHS):
    """The trained network and the loss of every step, in bits a character."""
    characters, text, _ = load_data()
    mx.random.seed(0)
    net = CharacterModel(len(characters), EMBEDDING, HIDDEN)
    net.initialize(mx.init.Xavier())
    if hybridize:
        net.hybridize()
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), 'adam', {'learning_rate': 0.01})
    steps = (len(text) - 1) // (COLUMNS * LENGTH)
    losses = []
    for epoch in range(epochs):
        progress = Progress(f'epoch {epoch + 1:2d}', steps)
        state = net.begin_state(COLUMNS)
        for x, y in batches(text, COLUMNS, LENGTH):
            state = [s.detach() for s in state]
            with autograd.record():
                scores, *state = net(x, *state)
                loss = loss_of(scores, y).mean()
            loss.backward()
            gluon.utils.clip_global_norm([p.grad() for p in net.collect_params().values()], 1, check_isfinite=False)
            trainer.step(1)
            losses.append(float(loss.asscalar()) / math.log(2))
            progress.step(f'{losses[-1]:.3f} bits a character')
        progress.end(f'{sum(losses[-steps:]) / steps:.3f} bits a character')
    return net, losses


def evaluate(net, indices):
    """The mean loss, in bits a character, of a text that is read from its beginning."""
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    x, y = nd.array(indices[:-1, None]), nd.array(indices[1:, None])
    scores, _, _ = net(x, *net.begin_state(1))
    return float(loss_of(scores, y).mean().asscalar()) / math.log(2)


def generate(net, characters, start, length, temperature=0.6):
    """`start`, and `length` more characters that are drawn one by one."""
    state = net.begin_state(1)
    text, new = start, start
    for _ in range(length):
        x = nd.array([[characters.index(c)] for c in new])
        scores, *state = net(x, *state)
        new = characters[nd.random.multinomial(nd.softmax(scores[-1, 0] / temperature)).asscalar()]
        text += new
    return text


def main(hybridize=True):
    net, losses = train(hybridize)
    characters, _, test = load_data()
    print(generate(net, characters, 'The email package', 200))
    bits = evaluate(net, test)
    print(f'test: {bits:.3f} bits a character')
    return losses, bits


if __name__ == '__main__':
    main('--imperative' not in sys.argv)
