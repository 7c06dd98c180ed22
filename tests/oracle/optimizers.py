"""Run optimizers, updaters and schedules under real MXNet and store their results in tests/data/optimizers.json.

python tests/oracle/optimizers.py MX191/bin/python MX20/bin/python

MXNet 1.9.1 answers for all optimizers that it has, 2.0.0b1 for the rest. tests/tracer/optimizer/test_oracle.py runs
tracer through the same functions.
"""
from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy

DATA = Path(__file__).parents[1] / "data" / "optimizers.json"
SHAPES = [(2, 3), (4,), (1, 1)]
NAMES = {0: "fc_weight", 1: "fc_bias", 2: "bn_gamma"}
COMMON = [{}, {"wd": 0.03}, {"clip_gradient": 0.4, "rescale_grad": 0.8}, {"learning_rate": 0.1, "wd": 0.05,
          "rescale_grad": 0.14, "clip_gradient": 0.05}]
#: Settings of each optimizer's own, one version's names apart.
OWN = {
    "sgd": [{}, {"momentum": 0.9}], "ccsgd": [{"momentum": 0.9}], "nag": [{}],
    "signum": [{}, {"momentum": 0.0}, {"wd_lh": 0.01}], "dcasgd": [{}, {"lamda": 0.1}], "sgld": [{}],
    "adam": [{}, {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3}], "adamax": [{}, {"beta1": 0.5}],
    "nadam": [{}, {"schedule_decay": 0.1}], "adagrad": [{}, {"eps": 1e-2}], "adadelta": [{}, {"rho": 0.5}],
    "rmsprop": [{}, {"centered": True}, {"gamma1": 0.5, "clip_weights": 0.5}], "ftrl": [{}, {"lamda1": 0.2}],
    "ftml": [{}, {"beta1": 0.5}], "lars": [{"eta": 0.5}, {"eta": 0.5, "momentum": 0.9, "eps": 0.1}],
    "lamb": [{}, {"bias_correction": False, "lower_bound": 0.5, "upper_bound": 1.0}],
    "lbsgd": [{"momentum": 0.9}, {"batch_scale": 2, "warmup_strategy": "sqrt"}, {"warmup_strategy": "lars"}],
    "test": [{}],
}
OWN_2 = {"nag": [{"learning_rate": 0.01, "momentum": 0.9}], "adamw": [{}, {"correct_bias": False}],
         "adabelief": [{}, {"beta1": 0.5}], "lans": [{}, {"lower_bound": 0.5, "upper_bound": 1.0}]}
#: Optimizer, dtype and way of cases that are not asked: MXNet 1.9.1's LAMB leaves the float32 copy as it was when it is
#: called with one weight; 2.0's NAG stores float32 copies first.
LEFT_OUT = [("lamb", "float16", "single"), ("nag", "float16", "single"), ("nag", "float16", "updater")]
DUMPED = ["sgd", "adam"]
#: Expressions of schedules, each called with growing numbers of updates.
SCHEDULES = [
    "FactorScheduler(step=7, factor=0.5, base_lr=0.3)",
    "FactorScheduler(step=5, factor=0.1, stop_factor_lr=1e-3, base_lr=1, warmup_steps=4, warmup_begin_lr=0.2)",
    "MultiFactorScheduler(step=[4, 15, 16], factor=0.3, base_lr=0.7)",
    "MultiFactorScheduler(step=[9], factor=0.3, base_lr=0.7, warmup_steps=6, warmup_mode='constant')",
    "PolyScheduler(20, base_lr=0.9, pwr=3, final_lr=0.01)",
    "PolyScheduler(20, base_lr=0.9, warmup_steps=5, warmup_begin_lr=0.1)",
    "CosineScheduler(20, base_lr=0.9, final_lr=0.05)",
    "CosineScheduler(20, base_lr=0.9, final_lr=0.05, warmup_steps=5, warmup_begin_lr=0.1)",
]
#: Wrong calls and what they raise.
ERRORS = [
    "lr.FactorScheduler(step=0)", "lr.FactorScheduler(step=1, factor=1.1)", "lr.MultiFactorScheduler(step=[])",
    "lr.MultiFactorScheduler(step=[3, 2])", "lr.MultiFactorScheduler(step=[0])", "lr.PolyScheduler(0)",
    "lr.CosineScheduler(2.5)", "lr.LRScheduler(warmup_mode='steep')", "lr.LRScheduler(warmup_begin_lr=1)",
    "lr.LRScheduler(warmup_steps=-1)", "lr.LRScheduler(warmup_steps=1.5)", "lr.LRScheduler()(1)",
    "opt.create('none')", "opt.create(1)", "opt.SGD(unknown=1)", "opt.SGD(param_idx2name=[])",
    "opt.SGD(lr_scheduler=lr.FactorScheduler(step=1)).set_learning_rate(1)", "opt.Optimizer().set_lr_scale({})",
    "opt.Optimizer().update(0, mx.nd.ones(1), mx.nd.ones(1), None)", "opt.SGD().update(0, 1, 2, None)",
    "opt.register(1)", "opt.contrib.GroupAdaGrad().create_state(0, mx.nd.ones(3))",
    "opt.contrib.GroupAdaGrad(wd=1).update(0, mx.nd.ones((1, 1)), mx.nd.ones((1, 1)), mx.nd.ones((1, 1)))",
]


def cases(version: str) -> list[dict]:
    """Optimizer, settings, dtype and way of calling, of each case that a version answers."""
    found = []
    for name, owns in (OWN if version == "1.9.1" else OWN_2).items():
        for own in owns:
            for common in COMMON[1:]:
                found.append({"name": name, "settings": {**own, **common}, "dtype": "float32", "way": "updater"})
            found.append({"name": name, "settings": own, "dtype": "float32", "way": "single"})
        mixed = {"settings": {**owns[-1], **COMMON[-1], "multi_precision": True}, "dtype": "float16"}
        found += [{"name": name, **mixed, "way": way} for way in ("single", "updater")]
    if version == "1.9.1":
        found += [{"name": "groupadagrad", "settings": own, "dtype": "float32", "way": "matrix"}
                  for own in ({}, COMMON[2])]
    return [case for case in found if (case["name"], case["dtype"], case["way"]) not in LEFT_OUT]


def names(case: dict) -> dict:
    """Names of the weights; where 2.0 answers, those to which both versions apply weight decay."""
    return {0: "a_weight", 1: "b_weight", 2: "c_weight"} if case["name"] in OWN_2 else NAMES


def flat(state) -> list:
    """The arrays of a state in order, as lists."""
    if isinstance(state, (tuple, list)):
        return [one for part in state for one in flat(part)]
    return [] if state is None else [values(state)]


def values(array) -> list[float]:
    """An array's elements, with as few digits as its dtype needs."""
    return [float(str(x)) for x in array.asnumpy().ravel()]


def steps(mx, case: dict, flavour: str = "nd", count: int = 4) -> dict:
    """Weights and states after the first and the last of `count` steps."""
    mx.random.seed(3)
    rng = numpy.random.RandomState(7)
    make = mx.nd.array if flavour == "nd" else mx.np.array
    shapes = SHAPES[:1] if case["way"] == "matrix" else SHAPES
    draw = lambda: [make(rng.uniform(-1, 1, shape).astype(case["dtype"]), dtype=case["dtype"]) for shape in shapes]
    optimizer = mx.optimizer.create(case["name"], param_idx2name=names(case), **case["settings"])
    weights, after = draw(), []
    updater = mx.optimizer.get_updater(optimizer)
    states = [optimizer.create_state_multi_precision(i, w) for i, w in enumerate(weights)]
    for _ in range(count):
        grads = draw()
        if case["way"] == "updater":
            updater(list(range(len(shapes))), grads, weights)
            states = [updater.states[i] for i in range(len(shapes))]
        elif mx.__version__.startswith("2.0.0b"):
            for i, w in enumerate(weights):
                optimizer.update_multi_precision([i], [w], [grads[i]], [states[i]])
        else:
            for i, w in enumerate(weights):
                optimizer.update_multi_precision(i, w, grads[i], states[i])
        after.append([values(w) for w in weights])
    return {"first": after[0], "last": after[-1], "states": [flat(state) for state in states],
            "updates": optimizer.num_update}


def rates(mx, source: str) -> list[float]:
    """A schedule's rates after 0, 1, 2, … updates."""
    schedule = eval(source, vars(mx.lr_scheduler))
    return [schedule(update) for update in range(25)]


def error(mx, source: str) -> list[str]:
    """The names of the classes of the exception that an expression raises."""
    try:
        eval(source, {"mx": mx, "opt": mx.optimizer, "lr": mx.lr_scheduler})
    except Exception as found:
        return [kind.__name__ for kind in type(found).__mro__[:-2]]
    return []


def dumped(mx, name: str, whole: bool) -> dict:
    """The bytes of an updater's states after two steps, and the weight after a third with the same gradient."""
    case = {"multi_precision": True, "momentum": 0.9} if name == "sgd" else {}
    updater = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.1, **case))
    dtype = "float16" if name == "sgd" else "float32"
    weight = mx.nd.array([1, 2, 3], dtype=dtype)
    gradient = lambda: mx.nd.array([0.5, -1, 2], dtype=dtype)
    for _ in range(2):
        updater(0, gradient(), weight)
    data, before = updater.get_states(dump_optimizer=whole), weight.asnumpy().tolist()
    updater(0, gradient(), weight)
    return {"name": name, "whole": whole, "dtype": dtype, "bytes": base64.b64encode(data).decode(), "before": before,
            "after": weight.asnumpy().tolist()}


def answers(mx) -> dict:
    """All that one version answers."""
    warnings.simplefilter("ignore")
    found = {"cases": [[case, steps(mx, case)] for case in cases(mx.__version__)]}
    found["dumped"] = [dumped(mx, name, whole) for name in DUMPED for whole in (False, True)
                       if mx.__version__ == "1.9.1" or name != "sgd"]  # 2.0 stores SGD's float32 copy first
    if mx.__version__ == "1.9.1":
        found["rates"] = [[source, rates(mx, source)] for source in SCHEDULES]
        found["errors"] = [[source, error(mx, source)] for source in ERRORS]
    return found


if __name__ == "__main__":
    if len(sys.argv) == 1:
        import mxnet

        print(json.dumps(answers(mxnet)))
    else:
        stored = {}
        for version, python in zip(("1.9.1", "2.0.0b1"), sys.argv[1:]):
            # 2.0's functions of several weights round AdamW's means in a form that loses digits.
            size = {"MXNET_OPTIMIZER_AGGREGATION_SIZE": "1"} if version != "1.9.1" else {}
            run = subprocess.run([python, __file__], env={**os.environ, **size}, capture_output=True, text=True,
                                 check=True)
            stored[version] = json.loads(run.stdout)
        DATA.write_text(json.dumps(stored, separators=(",", ":")).replace("],[{", "],\n[{") + "\n")
