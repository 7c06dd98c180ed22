"""`summary`: a table of a network's layers, with the shapes of their results and their numbers of parameters."""
from __future__ import annotations

from typing import Any, NamedTuple

from ..ndarray import NDArray

_ROW = "{:>20}  {:>42} {:>15}"


class Row(NamedTuple):
    """A layer of the table.

    shape: the shapes of its results.
    total, trainable, shared: its numbers of parameters: all, those with a gradient, those that an earlier layer has.
    """

    name: str
    shape: str
    total: int = 0
    trainable: int = 0
    shared: int = 0


def _shapes(x: Any) -> Any:
    return x.shape if isinstance(x, NDArray) else [_shapes(i) for i in x] if isinstance(x, (list, tuple)) else x


def _text(x: Any) -> str:
    found = _shapes(x)
    return str(found)[1:-1] if isinstance(found, list) else str(found)


def summary(block: Any, *inputs: Any) -> None:
    """Print a table of the layers that a forward pass of `inputs` goes through.

    AssertionError if a block below is hybridized, as then its layers are not called.
    """
    rows = [Row("Input", _text(list(inputs)))]
    seen: set[int] = set()
    hooks: list[Any] = []

    def note(layer: Any, _: Any, outputs: Any) -> None:
        total = trainable = shared = 0
        for p in layer.params.values():
            size = p.data().size
            total += size
            trainable += size if p.grad_req != "null" else 0
            shared += size if id(p) in seen else 0
            seen.add(id(p))
        rows.append(Row(f"{type(layer).__name__}-{len(rows)}", _text(outputs), total, trainable, shared))

    def watch(layer: Any) -> None:
        assert not getattr(layer, "_active", False), f'"{layer.name}" must not be hybridized to print summary.'
        if not getattr(layer, "_is_container", False):
            hooks.append(layer.register_forward_hook(note))

    try:
        block.apply(watch)
        block(*inputs)
        _show(rows)
    finally:
        for hook in hooks:
            hook.detach()


def _show(rows: list[Row]) -> None:
    total, trainable = sum(row.total for row in rows), sum(row.trainable for row in rows)
    shared = sum(row.shared for row in rows)
    print("-" * 80)
    print(_ROW.format("Layer (type)", "Output Shape", "Param #"))
    print("=" * 80)
    for row in rows:
        print(_ROW.format(row.name, row.shape, row.total))
    print("=" * 80)
    print("Parameters in forward computation graph, duplicate included")
    print(f"   Total params: {total}")
    print(f"   Trainable params: {trainable}")
    print(f"   Non-trainable params: {total - trainable}")
    print(f"Shared params in forward computation graph: {shared}")
    print(f"Unique parameters in model: {total - shared}")
    print("-" * 80)
