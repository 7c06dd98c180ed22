"""A generative adversarial network on handwritten digits: two networks and two trainers.

A plain MXNet script: it runs under MXNet 1.9.1 and, unmodified, under tracer (`python -m tracer examples/gan.py`; with
`--imperative` the networks are not hybridized).

The discriminator learns to tell real digits from those that the generator makes of random numbers, and the generator
learns to be taken for real (Goodfellow et al., "Generative Adversarial Networks", https://arxiv.org/abs/1406.2661). Two
losses that balance each other say little about the images; what is measured in the end is how far a generated image is
from the real one that is nearest to it.
"""
import sys

import mxnet as mx
import numpy
from mxnet import autograd, gluon, np, npx
from sklearn.datasets import load_digits
from terminal import Progress, show_digits

npx.set_np()

LATENT = 16
BATCH_SIZE = 128
EPOCHS = 30
RATE = 0.002


def load_data():
    """Pixels between -1 and 1, shuffled: NumPy arrays of shape (1408, 64) for training and (389, 64) for the test."""
    pixels = (load_digits().data / 8 - 1).astype('float32')
    pixels = pixels[numpy.random.RandomState(0).permutation(len(pixels))]
    return pixels[:1408], pixels[1408:]


def generator():
    """A network from random numbers to pixels."""
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Dense(128, activation='relu'), gluon.nn.Dense(128, activation='relu'),
            gluon.nn.Dense(64, activation='tanh'))
    net.initialize(mx.init.Xavier())
    return net


def discriminator():
    """A network from pixels to a score, positive for real digits."""
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Dense(128), gluon.nn.LeakyReLU(0.2), gluon.nn.Dropout(0.3),
            gluon.nn.Dense(64), gluon.nn.LeakyReLU(0.2), gluon.nn.Dropout(0.3), gluon.nn.Dense(1))
    net.initialize(mx.init.Xavier())
    return net


def train(hybridize=True, epochs=EPOCHS):
    """The trained generator, and of every step the losses of the discriminator and of the generator."""
    pixels, _ = load_data()
    mx.random.seed(0)
    make, judge = generator(), discriminator()
    if hybridize:
        make.hybridize()
        judge.hybridize()
    loss_of = gluon.loss.SigmoidBinaryCrossEntropyLoss()
    settings = {'learning_rate': RATE, 'beta1': 0.5}
    make_trainer = gluon.Trainer(make.collect_params(), 'adam', settings)
    judge_trainer = gluon.Trainer(judge.collect_params(), 'adam', settings)
    real_label, fake_label = np.ones(BATCH_SIZE), np.zeros(BATCH_SIZE)
    rng = numpy.random.RandomState(1)
    losses = []
    for epoch in range(epochs):
        order = rng.permutation(len(pixels))
        progress = Progress(f'epoch {epoch + 1:2d}', len(order) // BATCH_SIZE)
        for chosen in order.reshape(-1, BATCH_SIZE):
            real = np.array(pixels[chosen])
            noise = np.random.normal(size=(BATCH_SIZE, LATENT))

            fake = make(noise)  # outside record(): the discriminator's loss does not reach the generator
            with autograd.record():
                judge_loss = loss_of(judge(real), real_label) + loss_of(judge(fake), fake_label)
            judge_loss.backward()
            judge_trainer.step(BATCH_SIZE)

            with autograd.record():
                make_loss = loss_of(judge(make(noise)), real_label)
            make_loss.backward()
            make_trainer.step(BATCH_SIZE)

            losses.append(np.stack([judge_loss.mean(), make_loss.mean()]).asnumpy())
            progress.step('losses {:.3f} and {:.3f}'.format(*losses[-1]))
        means = numpy.mean(losses[-progress.steps:], axis=0)
        progress.end('discriminator loss {:.3f}, generator loss {:.3f}'.format(*means))
    return make, losses


def distance(images, real):
    """The mean, over images, of the root-mean-square difference in pixels (0 to 1) from the nearest real image."""
    squares = ((images[:, None] - real[None]) ** 2).mean(axis=2)
    return float(numpy.sqrt(squares.min(axis=1)).mean() / 2)


def main(hybridize=True):
    make, losses = train(hybridize)
    real, test = load_data()
    images = make(np.random.normal(size=(len(test), LATENT))).asnumpy()
    found = distance(images, real)
    show_digits((images[:6] + 1) / 2)
    print(f'distance from the nearest digit {found:.3f}; of real test digits {distance(test, real):.3f}')
    return losses, found


if __name__ == '__main__':
    main('--imperative' not in sys.argv)
