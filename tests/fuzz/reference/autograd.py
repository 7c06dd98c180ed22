"""`autograd` of the reference."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .arrays import Array
from .backward import gradients
from .elementwise import ADD
from .values import DERIVATIVE, WORLD, NoAnswer, Value, Variable, apply, tied


@contextmanager
def _scope(recording: bool | None, training: bool | None) -> Iterator[None]:
    before = WORLD.recording, WORLD.training
    WORLD.recording = before[0] if recording is None else recording
    WORLD.training = before[1] if training is None else training
    try:
        yield
    finally:
        WORLD.recording, WORLD.training = before


def record(train_mode: bool = True) -> Any:
    return _scope(True, train_mode)


def pause(train_mode: bool = False) -> Any:
    return _scope(False, train_mode)


def train_mode() -> Any:
    return _scope(None, True)


def predict_mode() -> Any:
    return _scope(None, False)


def _heads(heads: Any, head_grads: Any) -> tuple[list[Value], list[Value]]:
    heads = list(heads) if isinstance(heads, (list, tuple)) else [heads]
    given = list(head_grads) if isinstance(head_grads, (list, tuple)) else [head_grads] * len(heads)
    last = {id(h): (h, g) for h, g in zip(heads, given)}  # of an array given twice the last cotangent counts
    heads, given = zip(*last.values())
    values = [h.value for h in heads]
    if any(v.source is None for v in values):
        raise NoAnswer("a head that was not recorded")
    cotangents = [Value(np.ones(v.shape), v.dtype) if g is None else g.value for v, g in zip(values, given)]
    if any(g.shape != v.shape or g.dtype != v.dtype for g, v in zip(cotangents, values)):
        raise NoAnswer("a head gradient of another shape or dtype")
    return values, cotangents


def backward(heads: Any, head_grads: Any = None, retain_graph: bool = False, train_mode: bool = True) -> None:
    found = gradients(*_heads(heads, head_grads), graph=False, retain=retain_graph)
    for variable, total in found.items():
        if variable.request == "add":
            total = apply(ADD, [variable.grad.value, total], total.dtype)
        variable.grad.memory[...] = total.data


def grad(heads: Any, variables: Any, head_grads: Any = None, retain_graph: bool | None = None,
         create_graph: bool = False, train_mode: bool = True) -> list[Any]:
    wanted: list[Array] = [variables] if isinstance(variables, Array) else list(variables)
    retain = create_graph if retain_graph is None else retain_graph
    values, cotangents = _heads(heads, head_grads)
    found = gradients(values, cotangents, graph=create_graph, retain=retain)
    if any(not isinstance(v.source, Variable) or v.source not in found for v in wanted):
        raise NoAnswer("the heads do not depend on a variable")
    return [type(v).of(tied(found[v.source], values if create_graph else [], DERIVATIVE))  # type: ignore[index]
            for v in wanted]
