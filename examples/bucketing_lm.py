"""A language model over sentences of many lengths, with `mx.mod.BucketingModule`.

A plain MXNet script: it runs under MXNet 1.9.1 and, unmodified, under tracer (`python -m tracer
examples/bucketing_lm.py`).

A small grammar makes 4000 sentences of 4 to 13 words. `mx.rnn.BucketSentenceIter` sorts them into ten buckets, one a
length; for each bucket an LSTM (`mx.rnn.LSTMCell`) is unrolled to a symbol of that length, and all symbols share their
weights. After training the model is uncertain only where the grammar leaves a choice: of a noun, say, among six.
"""
import random

import mxnet as mx
import numpy
from terminal import Progress

BATCH_SIZE = 32
BUCKETS = list(range(4, 14))
EMBEDDING, HIDDEN, EPOCHS = 16, 32, 6

ARTICLES = ['a', 'the', 'every', 'no']
ADJECTIVES = ['red', 'small', 'old', 'quick', 'strange']
NOUNS = ['cat', 'dog', 'fox', 'bird', 'child', 'king']
VERBS = ['sees', 'likes', 'follows', 'finds', 'hears']
PLACES = ['here', 'there', 'outside']


def phrase(rng):
    """An article, some adjectives and a noun."""
    adjectives = [rng.choice(ADJECTIVES) for _ in range(rng.choice([0, 0, 1, 1, 2]))]
    return [rng.choice(ARTICLES)] + adjectives + [rng.choice(NOUNS)]


def sentence(rng):
    """Subject, verb, object, perhaps a place and another verb with an object, and a full stop."""
    words = phrase(rng) + [rng.choice(VERBS)]
    if rng.random() < 0.7:
        words += phrase(rng)
    if rng.random() < 0.3:
        words += [rng.choice(PLACES)]
    if rng.random() < 0.3:
        words += ['and', rng.choice(VERBS), rng.choice(PLACES)]
    return words + ['.']


def load_data(count=4000):
    """Iterators over the batches of nine tenths and of one tenth of the sentences, and the vocabulary."""
    rng = random.Random(0)
    sentences = [words for words in (sentence(rng) for _ in range(2 * count)) if len(words) <= BUCKETS[-1]][:count]
    coded, vocabulary = mx.rnn.encode_sentences(sentences, invalid_label=0, start_label=1)
    cut = count * 9 // 10
    parts = [mx.rnn.BucketSentenceIter(part, BATCH_SIZE, buckets=list(BUCKETS), invalid_label=0)
             for part in (coded[:cut], coded[cut:])]
    return parts[0], parts[1], len(vocabulary)


def symbols(words):
    """A function from a length to the symbol of that length."""
    cell = mx.rnn.LSTMCell(HIDDEN, prefix='lstm_')

    def sym_gen(length):
        data, label = mx.sym.Variable('data'), mx.sym.Variable('softmax_label')
        embedded = mx.sym.Embedding(data, input_dim=words, output_dim=EMBEDDING, name='embed')
        cell.reset()
        outputs, _ = cell.unroll(length, inputs=embedded, merge_outputs=True)
        scores = mx.sym.FullyConnected(mx.sym.Reshape(outputs, shape=(-1, HIDDEN)), num_hidden=words, name='pred')
        label = mx.sym.Reshape(label, shape=(-1,))
        return mx.sym.SoftmaxOutput(scores, label, name='softmax'), ('data',), ('softmax_label',)

    return sym_gen


class Bar:
    """A callback after each batch that draws a progress bar, and keeps the perplexities of the epochs."""

    def __init__(self, steps):
        self.steps = steps
        self.perplexities = []

    def __call__(self, param):
        if param.nbatch == 0:
            self.progress = Progress('epoch %2d' % (param.epoch + 1), self.steps)
        last = param.nbatch + 1 == self.steps
        self.progress.step('perplexity %.3f' % param.eval_metric.get()[1] if param.nbatch % 10 == 0 or last else '')
        if last:
            self.perplexities.append(float(param.eval_metric.get()[1]))
            self.progress.end('training perplexity %.3f' % self.perplexities[-1])


def main():
    """Train and score; returns the training perplexity of each epoch, and that of the test."""
    mx.random.seed(0)
    numpy.random.seed(0)  # BucketSentenceIter shuffles with both generators
    random.seed(0)
    training, test, words = load_data()
    bar = Bar(len(training.idx))
    module = mx.mod.BucketingModule(symbols(words), default_bucket_key=training.default_bucket_key)
    module.fit(training, eval_metric=mx.metric.Perplexity(0), optimizer='adam',
               optimizer_params={'learning_rate': 0.01}, initializer=mx.init.Xavier(), batch_end_callback=bar,
               num_epoch=EPOCHS)
    (_, score), = module.score(test, mx.metric.Perplexity(0))
    print('test perplexity %.3f' % score)
    assert score < 6.5, score
    return bar.perplexities, float(score)


if __name__ == '__main__':
    main()
