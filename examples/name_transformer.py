"""Text classification with a small transformer: what kind of character does a Unicode name belong to?

A plain MXNet script: it runs under MXNet 1.9.1 and, unmodified, under tracer (`python -m tracer
examples/name_transformer.py`; with `--imperative` the network is not hybridized).

The texts are the names of characters in Unicode 3.2, which every Python has: "GREEK SMALL LETTER ALPHA WITH TONOS",
"COMBINING DOUBLE VERTICAL LINE ABOVE", "ROMAN NUMERAL FIFTY". The classes are their general categories: letters (upper
case, lower case, others), marks, digits, other numbers, punctuation, mathematical symbols, other symbols. The network
has one block of an encoder (Vaswani et al., "Attention Is All You Need", https://arxiv.org/abs/1706.03762), made of
Dense, LayerNorm and batch_dot.
"""
import sys
from collections import Counter
from unicodedata import ucd_3_2_0

import mxnet as mx
import numpy
from mxnet import autograd, gluon, np, npx
from mxnet.gluon import nn
from terminal import Progress

npx.set_np()

KINDS = ('Lu', 'Ll', 'Lo', 'Mn', 'Nd', 'No', 'Po', 'Sm', 'So')
LENGTH, WIDTH, HEADS = 8, 48, 4
BATCH_SIZE = 100
EPOCHS = 8


def load_data():
    """The number of words, and for training (3000 names) and test (1000) the words' numbers and the classes, as arrays.

    A text has the numbers of its last 8 words; 0 stands for none, 1 for a rare word.
    """
    characters = [chr(i) for i in range(0x20000)]
    named = [(ucd_3_2_0.name(c, ''), ucd_3_2_0.category(c)) for c in characters]
    named = [(n.split(), kind) for n, kind in named if kind in KINDS and n and not n.startswith(('CJK', 'HANGUL'))]
    chosen = [named[i] for i in numpy.random.RandomState(0).permutation(len(named))[:4000]]
    counts = Counter(word for words, _ in chosen[:3000] for word in words)
    numbers = {word: i + 2 for i, word in enumerate(sorted(word for word in counts if counts[word] > 2))}
    x = numpy.zeros((4000, LENGTH), 'int32')
    for row, (words, _) in zip(x, chosen):
        words = words[-LENGTH:]
        row[:len(words)] = [numbers.get(word, 1) for word in words]
    y = numpy.array([KINDS.index(kind) for _, kind in chosen], 'int32')
    return len(numbers) + 2, (x[:3000], y[:3000]), (x[3000:], y[3000:])


class Attention(gluon.HybridBlock):
    """Several heads of self-attention; `mask` is 0 for places without a word."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.query, self.key, self.value, self.out = [nn.Dense(width, flatten=False, in_units=width) for _ in range(4)]

    def split(self, x):
        """(batch, length, width) to (batch * heads, length, size)."""
        return x.reshape(-1, LENGTH, self.heads, self.size).transpose(0, 2, 1, 3).reshape(-1, LENGTH, self.size)

    def forward(self, x, mask):
        scores = npx.batch_dot(self.split(self.query(x)), self.split(self.key(x)), transpose_b=True)
        scores = scores.reshape(-1, self.heads, LENGTH, LENGTH) / self.size ** 0.5 - 1e9 * (1 - mask[:, None, None])
        weights = npx.softmax(scores, axis=-1).reshape(-1, LENGTH, LENGTH)
        seen = npx.batch_dot(weights, self.split(self.value(x))).reshape(-1, self.heads, LENGTH, self.size)
        return self.out(seen.transpose(0, 2, 1, 3).reshape(-1, LENGTH, self.heads * self.size))


class Classifier(gluon.HybridBlock):
    """Scores of the classes of texts, (batch, length) numbers of words."""

    def __init__(self, words, width, heads, classes):
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(LENGTH, width)
        self.attention, self.norm = Attention(width, heads), nn.LayerNorm(in_channels=width)
        self.wide = nn.Dense(2 * width, activation='relu', flatten=False, in_units=width)
        self.narrow = nn.Dense(width, flatten=False, in_units=2 * width)
        self.last_norm = nn.LayerNorm(in_channels=width)
        self.dropout = nn.Dropout(0.2)
        self.scores = nn.Dense(classes, in_units=width)

    def forward(self, x):
        mask = (x > 0).astype('float32')
        h = self.dropout(self.words(x) + self.places(np.arange(LENGTH)))
        h = self.norm(h + self.dropout(self.attention(h, mask)))
        h = self.last_norm(h + self.dropout(self.narrow(self.wide(h))))
        return self.scores((h * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True))


def train(hybridize=True, epochs=EPOCHS):
    """The trained network and the loss of every step."""
    words, (x, y), _ = load_data()
    mx.random.seed(0)
    net = Classifier(words, WIDTH, HEADS, len(KINDS))
    net.initialize(mx.init.Xavier())
    if hybridize:
        net.hybridize()
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), 'adam', {'learning_rate': 0.003})
    rng = numpy.random.RandomState(1)
    losses = []
    for epoch in range(epochs):
        order = rng.permutation(len(y))
        progress = Progress(f'epoch {epoch + 1}', len(y) // BATCH_SIZE)
        for chosen in order.reshape(-1, BATCH_SIZE):
            with autograd.record():
                loss = loss_of(net(np.array(x[chosen], dtype='int32')), np.array(y[chosen], dtype='int32'))
            loss.backward()
            trainer.step(BATCH_SIZE)
            losses.append(float(loss.mean()))
            progress.step(f'loss {losses[-1]:.4f}')
        progress.end(f'mean loss {sum(losses[-progress.steps:]) / progress.steps:.4f}')
    return net, losses


def main(hybridize=True):
    net, losses = train(hybridize)
    _, (_, y_train), (x, y) = load_data()
    found = net(np.array(x, dtype='int32')).argmax(axis=1).asnumpy()
    accuracy = float((found == y).mean())
    commonest = (y == numpy.bincount(y_train).argmax()).mean()
    print(f'test accuracy {accuracy:.3f}; of the commonest class {commonest:.3f}')
    return losses, accuracy


if __name__ == '__main__':
    main('--imperative' not in sys.argv)
