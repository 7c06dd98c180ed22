"""A variational autoencoder on handwritten digits, in MXNet 1's style (hybrid_forward, name scopes, mx.nd, mx.metric).

A plain MXNet script: it runs under MXNet 1.9.1 and, unmodified, under tracer (`python -m tracer examples/vae.py`; with
`--imperative` the network is not hybridized).

The encoder turns an image into the mean and the variance of a normal distribution over 8 hidden numbers; the decoder
turns a sample of it back into an image. The loss, the negative evidence lower bound, is the cross-entropy of the pixels
plus the Kullback-Leibler divergence of that distribution from the standard normal one (Kingma and Welling,
"Auto-Encoding Variational Bayes", https://arxiv.org/abs/1312.6114). At the end, the decoder draws digits that nobody
wrote.
"""
import sys

import mxnet as mx
from mxnet import autograd, gluon, nd
from sklearn.datasets import load_digits
from terminal import Progress, show_digits

HIDDEN, LATENT = 128, 8
BATCH_SIZE = 128
EPOCHS = 24


def load_data():
    """Pixels between 0 and 1, as arrays of shape (1437, 64) for training and (360, 64) for the test."""
    pixels = (load_digits().data / 16).astype('float32')
    return nd.array(pixels[:1437]), nd.array(pixels[1437:])


class VAE(gluon.HybridBlock):
    """An encoder and a decoder with one hidden layer each: the loss of each image, a number."""

    def __init__(self, pixels, hidden, latent, **kwargs):
        super().__init__(**kwargs)
        self.latent = latent
        with self.name_scope():
            self.encoder = gluon.nn.HybridSequential(prefix='encoder_')
            self.decoder = gluon.nn.HybridSequential(prefix='decoder_')
            with self.encoder.name_scope():
                self.encoder.add(gluon.nn.Dense(hidden, activation='relu'), gluon.nn.Dense(2 * latent))
            with self.decoder.name_scope():
                self.decoder.add(gluon.nn.Dense(hidden, activation='relu'), gluon.nn.Dense(pixels))

    def hybrid_forward(self, F, x):
        mean, log_variance = F.split(self.encoder(x), num_outputs=2, axis=1)
        sample = mean + F.exp(0.5 * log_variance) * F.random.normal_like(mean)
        scores = self.decoder(sample)
        # the cross-entropy of a sigmoid, from its argument, so that nothing overflows
        entropy = F.relu(scores) - scores * x + F.Activation(-F.abs(scores), act_type='softrelu')
        divergence = 0.5 * (F.exp(log_variance) + F.square(mean) - 1 - log_variance)
        return F.sum(entropy, axis=1) + F.sum(divergence, axis=1)

    def generate(self, number):
        """Pixels of `number` new images."""
        return nd.sigmoid(self.decoder(nd.random.normal(shape=(number, self.latent))))


def train(hybridize=True, epochs=EPOCHS):
    """The trained network and the loss of every step."""
    pixels, _ = load_data()
    mx.random.seed(0)
    net = VAE(pixels.shape[1], HIDDEN, LATENT, prefix='vae_')
    net.initialize(mx.init.Xavier())
    if hybridize:
        net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), 'adam', {'learning_rate': 0.002})
    metric = mx.metric.Loss()
    losses = []
    for epoch in range(epochs):
        pixels = nd.random.shuffle(pixels)
        metric.reset()
        progress = Progress(f'epoch {epoch + 1:2d}', len(pixels) // BATCH_SIZE)
        for step in range(progress.steps):
            x = pixels[step * BATCH_SIZE:(step + 1) * BATCH_SIZE]
            with autograd.record():
                loss = net(x)
            loss.backward()
            trainer.step(BATCH_SIZE)
            metric.update(None, loss)
            losses.append(loss.mean().asscalar())
            progress.step(f'loss {losses[-1]:.3f}')
        progress.end(f'mean loss {metric.get()[1]:.3f}')
    return net, losses


def main(hybridize=True):
    net, losses = train(hybridize)
    _, pixels = load_data()
    loss = net(pixels).mean().asscalar()
    show_digits(net.generate(6).asnumpy())
    print(f'test loss {loss:.3f} nats an image')
    return losses, float(loss)


if __name__ == '__main__':
    main('--imperative' not in sys.argv)
