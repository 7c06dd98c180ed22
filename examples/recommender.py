"""Recommending films: matrix factorization with two embeddings.

A plain MXNet script: it runs under MXNet 1.9.1 and, unmodified, under tracer (`python -m tracer
examples/recommender.py`; with `--imperative` the network is not hybridized).

The rating that a user gives a film is modelled as the product of two short vectors, one of the user and one of the
film, plus how kind the user and how good the film is. The ratings are made here by such a model with NumPy's generator,
and noise of standard deviation 0.3 is added: no predictor can have a smaller root-mean-square error on ratings
that it has not seen. One that always says the mean rating has an error of about 1.
"""
import sys

import mxnet as mx
import numpy
from mxnet import autograd, gluon, np, npx
from terminal import Progress

npx.set_np()

USERS, FILMS, FACTORS = 400, 150, 4
NOISE = 0.3
BATCH_SIZE = 512
EPOCHS = 10


def load_data():
    """Users, films (int32) and ratings (float32): 24,000 of all 60,000 pairs, the last sixth for the test."""
    rng = numpy.random.RandomState(0)
    tastes, traits = rng.normal(0, 0.6, (USERS, FACTORS)), rng.normal(0, 0.6, (FILMS, FACTORS))
    kindness, quality = rng.normal(0, 0.4, (USERS, 1)), rng.normal(0, 0.5, FILMS)
    all_ratings = 3.5 + kindness + quality + tastes @ traits.T + rng.normal(0, NOISE, (USERS, FILMS))
    users, films = numpy.divmod(rng.permutation(USERS * FILMS)[:24000], FILMS)
    ratings = all_ratings[users, films]
    data = users.astype('int32'), films.astype('int32'), ratings.astype('float32')
    return [part[:20000] for part in data], [part[20000:] for part in data]


def batches(data, rng):
    """One epoch of shuffled batches, as MXNet arrays; the last one is smaller."""
    order = rng.permutation(len(data[0]))
    for start in range(0, len(order), BATCH_SIZE):
        chosen = order[start:start + BATCH_SIZE]
        yield [np.array(part[chosen], dtype=part.dtype) for part in data]


class Factorization(gluon.HybridBlock):
    """Ratings of pairs of users and films."""

    def __init__(self, users, films, factors):
        super().__init__()
        self.taste = gluon.nn.Embedding(users, factors, weight_initializer=mx.init.Normal(0.1))
        self.traits = gluon.nn.Embedding(films, factors, weight_initializer=mx.init.Normal(0.1))
        self.kindness = gluon.nn.Embedding(users, 1, weight_initializer='zeros')
        self.quality = gluon.nn.Embedding(films, 1, weight_initializer='zeros')

    def forward(self, users, films):
        match = (self.taste(users) * self.traits(films)).sum(axis=1)
        return match + self.kindness(users)[:, 0] + self.quality(films)[:, 0]


def train(hybridize=True, epochs=EPOCHS):
    """The trained network, the mean rating that it adds to, and the loss of every step."""
    (users, films, ratings), _ = load_data()
    mean = float(ratings.mean())
    mx.random.seed(0)
    net = Factorization(USERS, FILMS, FACTORS)
    net.initialize()
    if hybridize:
        net.hybridize()
    loss_of = gluon.loss.L2Loss()
    trainer = gluon.Trainer(net.collect_params(), 'adam', {'learning_rate': 0.02, 'wd': 1e-5})
    rng = numpy.random.RandomState(1)
    losses = []
    for epoch in range(epochs):
        progress = Progress(f'epoch {epoch + 1:2d}', -(-len(ratings) // BATCH_SIZE))
        for x, y, rating in batches((users, films, ratings - mean), rng):
            with autograd.record():
                loss = loss_of(net(x, y), rating)
            loss.backward()
            trainer.step(len(rating))
            losses.append(float(loss.mean()))
            progress.step(f'loss {losses[-1]:.4f}')
        progress.end(f'mean loss {sum(losses[-progress.steps:]) / progress.steps:.4f}')
    return net, mean, losses


def error(net, mean, data):
    """The root-mean-square error of predicted ratings."""
    users, films, ratings = data
    predicted = net(np.array(users, dtype='int32'), np.array(films, dtype='int32')) + mean
    return float(np.sqrt(((predicted - np.array(ratings)) ** 2).mean()))


def main(hybridize=True):
    net, mean, losses = train(hybridize)
    _, test = load_data()
    rmse = error(net, mean, test)
    print(f'test error {rmse:.3f}; of the mean rating {(test[2] - mean).std():.3f}; of the noise {NOISE}')
    return losses, rmse


if __name__ == '__main__':
    main('--imperative' not in sys.argv)
