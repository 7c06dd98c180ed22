"""The workloads, one file each. Adding a workload needs no other change.

A workload's file has:

- a docstring, whose first line becomes the title;
- `CASES`: name -> parameters, a dictionary; a name is one row of the tables;
- `TOLERANCE`: the largest allowed distance of a result from float64 NumPy's, relative to that result's largest
  magnitude;
- `inputs(random, **parameters)`: a dictionary of NumPy arrays (float32, integers, the bytes of a file that
  `bench/files.py` keeps) and of other inputs of the step, drawn from `random`, a seeded `numpy.random.RandomState`, so
  that every engine gets the same numbers;
- for each engine that can run it a function of `data` (the inputs, as attributes) that returns the *step*: a
  function without parameters that does the work once and returns its results, the same ones in the same order for
  all engines:
    - `in_numpy(data)` computes in the dtype of its inputs: with float64 it is the reference;
    - `in_mxnet(data, block)` is plain MXNet code, for tracer and real MXNet. `block(forward)` makes
      `forward(np, npx, *arrays)` a function of arrays, and for the hybridized engines a hybridized block
      (`HYBRID = False`: there is nothing to hybridize);
    - `in_mxnet_hybrid(data)`, if hybridized engines have a better way;
    - `in_torch(data, engine)`; `engine.compile` is torch.compile, or the identity for eager PyTorch
      (`engine.gradient`, `engine.parameters`: engines.py);
      (`engine.images` makes tensors in the engine's layout; `CHANNELS_LAST = True`: there are images, so that
      channels-last PyTorch takes part);
    - `in_torch_compile(data, engine)`, if torch.compile has a better way (`COMPILED = False`: it takes no part);
    - `in_jax(data)`;
    - `in_pytensor(data)`;
- `BY_HAND`: the cases for which the gradients of `in_numpy` were derived by hand, or which it does in another way (all
  pictures at once): there NumPy is shown, but is no peer;
- `flops(**parameters)`, if it has matrix products: their floating-point operations.

A parameter called `ops` is the number of recorded operations; the report then has the time per operation.
Everything here runs on Python 3.8.
"""
from __future__ import annotations

import importlib
import pkgutil
import zlib
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np


def names() -> list[str]:
    """The workloads, in the order of their files."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> ModuleType:
    """The module of one workload."""
    return importlib.import_module(__name__ + "." + name)


def inputs(workload: ModuleType, case: str) -> SimpleNamespace:
    """The inputs of one case, the same numbers in every process."""
    random = np.random.RandomState(zlib.crc32(case.encode()))
    return SimpleNamespace(**workload.inputs(random, **workload.CASES[case]))


def arrays(value: Any) -> list[np.ndarray]:
    """All arrays in nested lists, tuples, dictionaries and namespaces.

    >>> len(arrays({"x": np.zeros(2), "layers": [(np.zeros(1), np.zeros(1))]}))
    3
    """
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, SimpleNamespace):
        value = vars(value)
    if isinstance(value, dict):
        value = list(value.values())
    return [a for item in value for a in arrays(item)] if isinstance(value, (list, tuple)) else []


def widened(value: Any) -> Any:
    """The same nested value with float32 arrays cast to float64, for the reference."""
    if isinstance(value, np.ndarray):
        return value.astype(np.float64) if value.dtype == np.float32 else value
    if isinstance(value, SimpleNamespace):
        return SimpleNamespace(**widened(vars(value)))
    if isinstance(value, dict):
        return {key: widened(item) for key, item in value.items()}
    return type(value)(widened(item) for item in value) if isinstance(value, (list, tuple)) else value
