"""Store what real MXNet's model zoo is made of, and predicts, in tests/data/model_zoo.json; export one network's graph.

python tests/oracle/model_zoo.py MX191/bin/python MX20/bin/python

For each network: the number of its parameters; hashes of the list of their names and of what else is known of them
before the first pass, in both ways of naming (MXNet 2 has one of them only), of the graph of symbols, and of the shapes
after the pass; ten scores for one image, which are 2.0.0b1's as well as 1.9.1's. Parameters and image are made by
formula, so that none is stored. tests/tracer/gluon/test_model_zoo.py asks tracer the same questions by these functions,
whose first parameter `mx` is the package.
"""
from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parents[1] / "data"
#: The exported network, and the file of its graph.
EXPORTED, GRAPH = "mobilenetv2_0.25", DATA / "exported" / "zoo-symbol.json"
#: The sizes of the images for the networks whose names begin so; 64 for the others.
SIZES = {"vgg": 32, "densenet": 224, "squeezenet": 224, "inception": 299}
NAMES = (
    "alexnet", *[f"densenet{n}" for n in (121, 161, 169, 201)], "inceptionv3",
    *[f"{kind}{n}" for kind in ("mobilenet", "mobilenetv2_") for n in ("1.0", "0.75", "0.5", "0.25")],
    *[f"resnet{n}_v{v}" for v in (1, 2) for n in (18, 34, 50, 101, 152)], "squeezenet1.0", "squeezenet1.1",
    *[f"vgg{n}{end}" for end in ("", "_bn") for n in (11, 13, 16, 19)],
)


def numbers(shape, index):
    """Numbers between -1 and 1 that look random, by integer arithmetic: the same ones on every machine."""
    with np.errstate(over="ignore"):
        x = np.arange(int(np.prod(shape)), dtype=np.uint32) * np.uint32(2654435761) + np.uint32(index * 7919 + 1)
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
            x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    return ((x >> np.uint32(16)).astype(np.float32) / 32768 - 1).reshape(shape)


def parameter(name, shape, index):
    """The values of the parameter `index` in a network's list, such that no layer lets the numbers grow or vanish."""
    found = numbers(shape, index)
    if name.endswith("weight"):
        return found * np.float32(np.sqrt(6 / np.prod(shape[1:])))
    return found / 8 + (1 if name.endswith(("gamma", "running_var")) else 0)


def image(size):
    """One image, (1, 3, size, size)."""
    return numbers((1, 3, size, size), 0)


def size_of(name):
    """The size of a network's image."""
    return next((size for start, size in SIZES.items() if name.startswith(start)), 64)


def made(mx, name):
    """A new network of ten classes, named as the first of its process."""
    model = mx.gluon.model_zoo.vision.get_model
    if mx.__version__.startswith("2"):
        return model(name, classes=10)
    with mx.name.NameManager():
        return model(name, classes=10)


def digest(answer):
    """A hash of an answer."""
    return hashlib.sha1(json.dumps(answer).encode()).hexdigest()[:12]


def rows(parameters):
    """The name of each parameter, whether it is trained, and its initializer."""
    return [[name, p.grad_req, p.init if p.init is None or isinstance(p.init, str) else p.init.dumps()]
            for name, p in parameters.items()]


def graph(mx, net):
    """The nodes and heads of a network's graph."""
    found = json.loads(net(mx.sym.var("data")).tojson())
    return [found["nodes"], found["heads"]]


def description(mx, name):
    """The description of a network before its first pass."""
    net = made(mx, name)
    found = {"count": len(net.collect_params().keys()), "structural": digest(rows(net._collect_params_with_prefix()))}
    if not mx.__version__.startswith("2"):
        known = [list(p.shape) for p in net.collect_params().values()]
        found.update(names=digest([rows(net.collect_params()), known]), graph=digest(graph(mx, net)))
    return found


def filled(mx, name, array):
    """A network whose shapes have been found, and whose parameters follow the formula, and its image.

    array: the function that makes arrays.
    """
    net = made(mx, name)
    for p in net.collect_params().values():
        p.init = "zeros"
    net.initialize()
    data = array(image(size_of(name)))
    net(data)
    for index, (path, p) in enumerate(net._collect_params_with_prefix().items()):
        p.set_data(array(parameter(path, p.shape, index + 1)))
    return net, data


def answers(mx, name):
    """The hash of the list of structural names and shapes after a pass, and the scores of an image."""
    two = mx.__version__.startswith("2")
    net, data = filled(mx, name, mx.np.array if two else mx.nd.array)
    scores = net(data).asnumpy()
    shapes = [[path, list(p.shape)] for path, p in net._collect_params_with_prefix().items()]
    return {"shapes": digest(shapes), "scores": [float(f"{x:.7g}") for x in scores[0]]}


def export(mx):
    """Write the graph of one network without spaces; its parameters are not stored."""
    net, data = filled(mx, EXPORTED, mx.nd.array)
    net.hybridize()
    net(data)
    with tempfile.TemporaryDirectory() as folder:
        net.export(f"{folder}/net")
        graph = json.loads(Path(f"{folder}/net-symbol.json").read_text())
    GRAPH.write_text(json.dumps(graph, separators=(",", ":")) + "\n")


def ask():
    """Print the answers of the MXNet that runs this script."""
    import mxnet as mx

    if mx.__version__.startswith("2"):
        mx.npx.set_np()
    found = {name: {**description(mx, name), **answers(mx, name)} for name in NAMES}
    if not mx.__version__.startswith("2"):
        export(mx)
    print(json.dumps(found))


def main(*interpreters):
    """Store the answers of each interpreter."""
    found = []
    for interpreter in interpreters:
        done = subprocess.run([interpreter, __file__, "--ask"], check=True, capture_output=True, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    one, two = found
    for name in NAMES:
        np.testing.assert_allclose(one[name]["scores"], two[name]["scores"], rtol=1e-4, atol=1e-5)
        assert [key for key in ("count", "structural", "shapes") if one[name][key] != two[name][key]] == [], name
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(answer)}" for name, answer in one.items())
    (DATA / "model_zoo.json").write_text(f"{{{lines}}}\n")


if __name__ == "__main__":
    if sys.argv[1] == "--ask":
        ask()
    else:
        main(*sys.argv[1:])
