"""Fine-tuning on a folder of pictures: im2rec, worker processes, a network of the model zoo, saving and loading.

    python -m tracer examples/imagefolder_finetune.py

Three classes are cut out of real pictures: scikit-learn's two photographs and its handwritten digits. They are written to
a folder for each class, packed into a record file by im2rec, and read by two worker processes. The features of a
MobileNet, as MXNet 1.9.1 has saved them, are loaded and trained on, with a new last layer; the network is then saved,
loaded into a second one and asked about pictures that it has not seen.

Needs scikit-learn and Pillow: pip install 'mxtracer[examples]'.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import mxnet as mx
import numpy
from mxnet import autograd, gluon
from mxnet.gluon.data.vision import ImageRecordDataset, transforms
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

FEATURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'data',
                        'mobilenet0_25_features.params')
SIZE = 64


def build_folder(root, count):
    """Write `count` pictures for each class: parts of the photographs, and digits as PNG."""
    draw = numpy.random.RandomState(0)
    digits = load_digits().images
    for name in ('china', 'digits', 'flower'):
        os.makedirs(os.path.join(root, name))
        for i in range(count):
            path = os.path.join(root, name, '%03d' % i)
            if name == 'digits':
                picture = Image.fromarray((255 - digits[i] * 15.9).astype('uint8'))
                picture.resize((80, 72), Image.BICUBIC).save(path + '.png')
            else:
                photo = load_sample_image(name + '.jpg')
                y, x = draw.randint(0, photo.shape[0] - 96), draw.randint(0, photo.shape[1] - 112)
                Image.fromarray(photo[y:y + 96, x:x + 112]).save(path + '.jpg', quality=90)


def pack(prefix, root):
    """Pack the folder into PREFIX_train.rec and PREFIX_val.rec."""
    program = [sys.executable, '-m', 'tracer.tools.im2rec', prefix, root]
    subprocess.check_call(program + ['--list', '--recursive', '--train-ratio', '0.8'], stdout=subprocess.DEVNULL)
    subprocess.check_call(program + ['--resize', '72', '--num-thread', '2'], stdout=subprocess.DEVNULL)


def loader(record, training, workers):
    """Batches of a record file; in training of random parts of the pictures."""
    cut = [transforms.RandomResizedCrop(SIZE, scale=(0.5, 1.0)), transforms.RandomFlipLeftRight()] if training else \
        [transforms.CenterCrop(SIZE)]
    change = transforms.Compose(cut + [transforms.ToTensor(),
                                       transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
    return gluon.data.DataLoader(ImageRecordDataset(record).transform_first(change), 8, shuffle=training,
                                 num_workers=workers)


def network():
    """A small MobileNet for three classes."""
    return gluon.model_zoo.vision.mobilenet0_25(classes=3)


def accuracy(net, batches):
    """The share of pictures whose class the network finds."""
    metric = mx.metric.Accuracy()
    for data, label in batches:
        metric.update([label], [net(data)])
    return metric.get()[1]


def run(folder, count=60, epochs=10, workers=2):
    """Everything in a folder; returns the losses of the epochs and the accuracies before and after."""
    root, prefix = os.path.join(folder, 'pictures'), os.path.join(folder, 'three')
    build_folder(root, count)
    pack(prefix, root)
    training = loader(prefix + '_train.rec', True, workers)
    validation = loader(prefix + '_val.rec', False, workers)

    mx.random.seed(0)
    numpy.random.seed(0)
    net = network()
    net.initialize(mx.init.Xavier())
    net.features.load_parameters(FEATURES, cast_dtype=True, dtype_source='current')
    net.hybridize()
    before = accuracy(net, validation)
    print('accuracy before training: %.3f' % before)
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), 'adam', {'learning_rate': 0.002})
    losses = []
    for epoch in range(epochs):
        total, number = 0.0, 0
        for data, label in training:
            with autograd.record():
                loss = loss_of(net(data), label)
            loss.backward()
            trainer.step(data.shape[0])
            total += loss.sum().asscalar()
            number += data.shape[0]
        losses.append(total / number)
        print('epoch %d: loss %.3f, accuracy %.3f' % (epoch, losses[-1], accuracy(net, validation)))

    saved = os.path.join(folder, 'net.params')
    net.save_parameters(saved)
    trainer.save_states(os.path.join(folder, 'net.states'))
    again = network()
    again.load_parameters(saved)
    data, label = next(iter(validation))
    difference = abs(again(data) - net(data)).max().asscalar()
    after = accuracy(again, validation)
    print('loaded again: accuracy %.3f; the first pictures: %s, their classes: %s' % (
        after, again(data).argmax(axis=1).asnumpy().astype(int).tolist(), label.asnumpy().astype(int).tolist()))
    assert difference < 1e-4, difference
    return losses, before, after


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--pictures', type=int, default=60, help='the number of pictures of each class')
    parser.add_argument('--epochs', type=int, default=10)
    parser.add_argument('--workers', type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        run(place, args.pictures, args.epochs, args.workers)
