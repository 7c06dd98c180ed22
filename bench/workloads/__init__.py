"""What is run: one file a workload. Adding one touches nothing else.

A workload's file has:

- a docstring, whose first line is shown;
- `CASES`: name -> parameters, a dictionary; a name is one row of the tables;
- `TOLERANCE`: how far a result may be from float64 NumPy's, as a share of that result's largest magnitude;
- `inputs(random, **parameters)`: a dictionary of NumPy arrays (float32) and of whatever else the step needs,
  drawn from `random`, a seeded `numpy.random.RandomState`, so that every engine gets the same numbers;
- for each engine that can do it a function of `data` (the inputs, as attributes) that returns the *step*: a
  function of nothing that does the work once and returns its results, the same ones in the same order
  everywhere. `in_numpy(data)` works in the dtype of its inputs: with float64 it is the reference;
  `in_mxnet(data, block)` is plain MXNet code, which tracer and real MXNet both run, where
  `block(forward)` turns `forward(np, npx, *arrays)` into a function of arrays and, for the hybridized peer,
  into a hybridized block (`HYBRID = False`: there is nothing to hybridize); `in_torch(data, engine)`, whose
  `engine.compile` is torch.compile or does nothing (`engine.gradient`, `engine.parameters`: engines.py);
  `in_jax(data)`; `in_pytensor(data)`; and where they have a better way `in_torch_compile(data, engine)` and,
  for real MXNet, `in_mxnet_hybrid(data)`;
- `BY_HAND`, the cases for which `in_numpy` has somebody's derivation instead of differentiating: there NumPy is
  shown, but is no peer;
- `flops(**parameters)`, if it has matrix products: their floating-point operations.

A parameter called `ops` is the number of recorded operations, and adds the time for each to the report.
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
    """Every array inside a nest of lists, tuples and dictionaries.

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
    """The same nest with its float32 arrays as float64, for the reference."""
    if isinstance(value, np.ndarray):
        return value.astype(np.float64) if value.dtype == np.float32 else value
    if isinstance(value, SimpleNamespace):
        return SimpleNamespace(**widened(vars(value)))
    if isinstance(value, dict):
        return {key: widened(item) for key, item in value.items()}
    return type(value)(widened(item) for item in value) if isinstance(value, (list, tuple)) else value
