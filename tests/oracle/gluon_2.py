"""Gluon under real MXNet 2.0.0b1 where it differs from 1.9.1, stored in tests/data/gluon_2.json.

python tests/oracle/gluon_2.py MX20/bin/python

Each case is an expression, with its answer as text or an error's class. tests/tracer/gluon/test_generation_2.py runs
tracer through them in a process with TRACER_MXNET=2.0, which calls `python tests/oracle/gluon_2.py --tracer`.
"""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

SETUP = """
import copy, os, pickle
import numpy as onp
from mxnet import autograd, gluon, np, npx
from mxnet.gluon import nn
def made():
    net = nn.HybridSequential()
    net.add(nn.Dense(2, in_units=3, activation='relu'), nn.Dense(1, in_units=2))
    net.initialize('ones')
    return net
class Old(gluon.HybridBlock):
    def __init__(self):
        super().__init__()
        self.name, self.prefix = 'mine', 'p'
        self.scale = gluon.Parameter('scale', shape=(2,), init='ones')
        self.half = gluon.Constant([0.5, 0.5])
        self.inner = nn.Dense(2, in_units=2)
    def forward(self, x):
        return self.inner(x) * self.scale.data() + self.half.data()
class Shared(gluon.HybridBlock):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Dense(2, in_units=2), nn.Dense(2, in_units=2).share_parameters(None)
        self.two.share_parameters(self.one.collect_params())
    def forward(self, x):
        return self.two(self.one(x))
def fitted():
    from mxnet.gluon.contrib.estimator import Estimator
    x, y = np.array([[1, 2, 0], [3, 4, 1], [5, 6, 0], [0, 1, 2]], dtype='float32'), np.array([0, 1, 1, 0])
    data = gluon.data.DataLoader(gluon.data.ArrayDataset(x, y), batch_size=2)
    net = nn.Dense(2, in_units=3)
    net.initialize(mx.init.Constant(0.1))
    trainer = gluon.Trainer(net.collect_params(), 'adam', {'learning_rate': 0.1})
    made = Estimator(net, gluon.loss.SoftmaxCrossEntropyLoss(), trainer=trainer, device=mx.cpu())
    made.logger.setLevel('ERROR')
    made.fit(data, val_data=data, epochs=2)
    metrics = [m.get() for m in (*made.train_metrics, *made.val_metrics)]
    return [made.device, *[(name, round(float(value), 3)) for name, value in metrics]]
def imported(net, *inputs, **options):
    net.initialize(mx.init.Constant(0.5))
    net.hybridize()
    net(*inputs)
    net.export('exported')
    names = ['data' + str(i) for i in range(len(inputs))] if len(inputs) > 1 else 'data'
    block = gluon.SymbolBlock.imports('exported-symbol.json', names, 'exported-0000.params', **options)
    inputs = [x.to_device(options.get('device', mx.cpu())) for x in inputs]
    return [sorted(block.collect_params()), block(*inputs), [p.list_device() for p in block.collect_params().values()]]
def trained_shared():
    net, places = Shared(), [mx.cpu(0), mx.cpu(1)]
    net.initialize('ones', device=places)
    trainer = gluon.Trainer(net.collect_params(), 'sgd', {'learning_rate': 1})
    with autograd.record():
        losses = [net(x).sum() for x in gluon.utils.split_and_load(np.ones((2, 2)), places)]
    autograd.backward(losses)
    trainer.step(1)
    return [len(trainer._params), [p.list_data() for p in net.collect_params().values()]]
def filled(net):
    return {name: onp.full(p.shape, 3, 'float32') for name, p in net.collect_params().items()}
def batches(*data):
    return [[type(x).__name__ for x in next(mx.io.NDArrayIter(one, batch_size=2)).data] for one in data]
def optimized():
    net = nn.Dense(1)
    net.initialize('ones')
    net.hybridize()
    net(np.ones((1, 2)))
    net.optimize_for(np.ones((1, 2)), net.weight.data(), backend='ONEDNN')
    return net(np.ones((1, 2)))
net, old = made(), Old()
old.initialize('ones')
deferred = nn.Dense(3)
"""

CASES = """
[mx.optimizer.create(n).learning_rate for n in ('sgd', 'nag', 'adadelta', 'ftml', 'ftrl', 'lars', 'sgld', 'dcasgd')]
[mx.optimizer.create(n).learning_rate for n in ('adam', 'adamw', 'adamax', 'nadam', 'rmsprop', 'lamb', 'test')]
[mx.optimizer.NAG().momentum, mx.optimizer.AdaDelta().epsilon, mx.optimizer.Adamax().epsilon]
[mx.optimizer.SGD().lazy_update, mx.optimizer.Adam().lazy_update, mx.optimizer.LARS().lazy_update]
[mx.optimizer.SGD(0.5, 0.9).lr, mx.optimizer.SGD(0.5, 0.9).momentum, mx.optimizer.FTML(0.5, 0.7).beta1]
[mx.optimizer.LARS(0.2, 0.8, 0.01).eta, mx.optimizer.Ftrl(0.2, 0.3).lamda1, mx.optimizer.SGLD(0.3).lr]
mx.optimizer.SGD(0.5, learning_rate=1)
mx.optimizer.SGD(lr_scheduler=mx.lr_scheduler.FactorScheduler(5, base_lr=0.3)).learning_rate
mx.optimizer.SGD(momentum=0.9).lr
[npx.is_np_array(), npx.is_np_shape()]
list(net.collect_params())
list(net.collect_params('.*weight'))
list(net.collect_params('weight'))
isinstance(net.collect_params(), dict)
net.collect_params()
net.collect_params().get('0.bias')
net.collect_params().get('none')
net.collect_params().get('none', 3)
net[0].params
net[0].params.get('weight')
net[0].weight
net[0].weight.name
net[0].weight.shape
deferred
deferred.weight.shape
deferred.weight
gluon.Parameter()
gluon.Parameter('w', shape=(2,))
gluon.Parameter().name
gluon.Constant([1, 2])
gluon.Constant([1, 2]).name
gluon.Parameter('w').list_device()
gluon.Parameter('w').data()
gluon.Parameter('w', shape=(0, 2)).initialize()
gluon.Parameter('w', shape=(-1, 2)).initialize()
net[0].weight.list_device()
net[0].weight.data()
type(net[0].weight.data()) is np.ndarray
net(np.ones((2, 3)))
[type(child()).__name__ for child in net._children.values()]
[name for name, child in net._children.items() if isinstance(child(), gluon.HybridBlock)]
[old.name, old.prefix, sorted(old.collect_params())]
old(np.ones((1, 2)))
old.half.grad_req
net.setattr('grad_req', 'null') or [p.grad_req for p in made().collect_params().values()]
[p.grad_req for p in net.collect_params().values()]
sorted(Shared().collect_params())
[Shared().two.weight is s for s in [Shared().one.weight]]
(lambda s: s.two.weight is s.one.weight and s.two.bias is s.one.bias)(Shared())
made().share_parameters([1])
(lambda a, b: b.share_parameters(a.collect_params())[0].weight is a[0].weight)(made(), made())
[(b := made()).share_parameters({'0.weight': net[0].weight}) is b, b[0].weight is net[0].weight]
(lambda a: a.save_parameters('f') or sorted(npx.load('f')))(made())
(lambda a, b: a.save_parameters('f') or b.load_parameters('f') or b[1].weight.data())(made(), made())
(lambda a, b: a.save_parameters('f') or b.load_parameters('f'))(made(), nn.Dense(2, in_units=3))
(lambda a, b: a.save_parameters('f') or b.load_parameters('f', ignore_extra=True))(made(), Old())
(lambda a: a.load_dict({'0.weight': np.zeros((2, 3))}, allow_missing=True) or a[0].weight.data())(made())
[type(f(net)).__name__ for f in (copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x)))]
list(copy.deepcopy(net).collect_params())
pickle.loads(pickle.dumps(made()))(np.ones((1, 3)))
copy.deepcopy(made())[0].weight.data()
(lambda a: a.reset_device(mx.cpu(1)) or [p.list_device() for p in a.collect_params().values()])(made())
(lambda a: a.cast('float64') or a(np.ones((1, 3), dtype='float64')).dtype.name)(made())
(lambda a: a.hybridize() or a(np.ones((1, 3))))(made())
gluon.Trainer(net.collect_params(), 'sgd', {'learning_rate': 0.5}).learning_rate
len(gluon.Trainer(made().collect_params(), 'sgd')._param2idx)
made().infer_type(np.ones((1, 3)))
made()[1:]
fitted()
made()[0](np.ones((2, 5)))
deferred(np.ones((2, 5)))
(lambda a: a.load_dict(filled(a)) or a(np.ones((1, 3))))(made())
(lambda a: a.load_dict(filled(nn.Dense(3, in_units=2))) or a(np.ones((1, 2))))(nn.Dense(3))
(lambda a: a.reset_device(device=[mx.cpu(1)]) or a.list_device())(made()[0].weight)
(lambda a: a.reset_device(device=[mx.cpu(1)]) or a[0].weight.list_device())(made())
imported(nn.Dense(2), np.ones((1, 3)))
imported(made(), np.ones((1, 3)), device=mx.cpu(1))
imported(Old(), np.ones((1, 2)))
[made(function)(np.ones(2)) for made in (nn.Lambda, nn.HybridLambda) for function in ('tanh', 'sigmoid')]
trained_shared()
batches(onp.ones((4, 3)), np.ones((4, 3)), mx.nd.ones((4, 3)), {'a': np.ones((4, 3)), 'b': onp.ones(4)})
optimized()
nn.HybridLambda(lambda x, *args: npx.leaky_relu(x, *args, slope=0.5))(np.array([-2, 2]))
[hasattr(net, name) for name in ('save', 'load', 'reset_device', 'load_dict')]
""".strip().splitlines()


def text(value):
    """An answer's text, without names of modules."""
    return re.sub(r"<class '[\w.]*?(\w+)'>", r"\1", repr(value))


def answers(mx):
    """The answer of each case."""
    space = {"mx": mx}
    os.chdir(tempfile.mkdtemp())
    exec(SETUP, space)
    found = {}
    for case in CASES:
        try:
            found[case] = text(eval(case, space))
        except Exception as error:
            found[case] = "error " + type(error).__name__
    return found


def main():
    warnings.simplefilter("ignore")
    if len(sys.argv) == 2 and sys.argv[1] != "--tracer":
        result = subprocess.run([sys.argv[1], __file__], check=True, capture_output=True, text=True)
        path = Path(__file__).parents[1] / "data" / "gluon_2.json"
        path.write_text(json.dumps(json.loads(result.stdout.splitlines()[-1]), indent=1) + "\n")
        return
    if len(sys.argv) == 2:
        import tracer

        tracer.install_as_mxnet()
    import mxnet

    print(json.dumps(answers(mxnet)))


if __name__ == "__main__":
    main()
