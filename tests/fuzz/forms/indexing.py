"""Forms of indexing, and of the functions that select elements by index arrays."""
from __future__ import annotations

from typing import Any

from ..draws import Program, Var
from .common import Form, bare, call, floats, full, indices, new, wanted, words


def basic_key(p: Program, v: Var) -> str:
    """A basic index."""
    out: list[str] = []
    for n in v.shape[:p.d.integer(1, v.ndim)]:
        choice = p.d.integer(0, 9)
        if choice < 3 and n:
            out.append(str(p.d.integer(-1, 0)) if p.d.flag(60) else str(p.d.integer(-n, n - 1)))
        elif choice < 6:
            out.append(p.d.pick([":", "1:", ":2", ":-1", "0:1", "::2"]))
        elif choice < 8:
            out.append(p.d.pick([":", "::-1", "-2:", "1:2", "-1:", "::3"]))
        else:
            out.append("None" if choice == 8 and p.flavour == "np" else ":")
    if p.d.flag(10):
        out.insert(0, "...")
    return ", ".join(out)


def basic(p: Program, name: str) -> str:
    v = p.operand("view", lambda v: v.ndim > 0)
    return f"{v.name}[{basic_key(p, v)}]"


def advanced_key(p: Program, v: Var) -> str:
    """An index with index arrays."""
    if v.ndim > 1 and p.d.flag(30):
        k = p.d.integer(1, 3)
        return f"{indices(p, v.shape[0], k)}, {indices(p, v.shape[1], k)}"
    if v.ndim > 1 and p.d.flag(30):
        return f"{p.d.pick([':', '1:', '::2'])}, {indices(p, v.shape[1])}"
    return indices(p, v.shape[0])


def advanced(p: Program, name: str) -> str:
    v = p.operand("gather", lambda v: v.ndim > 0)
    return f"{v.name}[{advanced_key(p, v)}]"


def masked(p: Program, name: str) -> str:
    """A boolean index: the shape of its result depends on values."""
    v = p.operand("gather", lambda v: v.ndim > 0)
    w = wanted(p, "index", lambda w: w.dtype.kind == "b" and w.ndim > 0 and w.shape == v.shape[:w.ndim], v.shape,
               "bool")
    return f"{v.name}[{w.name}]"


def take(p: Program, name: str) -> str:
    v = p.operand("gather", lambda v: v.ndim > 0)
    axis = p.axis(v.ndim) if p.d.flag(80) else None if p.flavour == "np" else 0
    keywords: dict[str, Any] = {"axis": axis}
    if p.d.flag(40):
        keywords["mode"] = p.d.pick(["clip", "wrap"])
    return call(p, name, v.name, indices(p, v.array.size if axis is None else v.shape[axis]), **keywords)


def take_along_axis(p: Program, name: str) -> str:
    v = p.operand("gather", lambda v: v.ndim > 0 and v.array.size > 0 and v.dtype.kind != "b")
    axis = p.axis(v.ndim)
    return f"np.take_along_axis({v.name}, np.argsort({v.name}, axis={axis}), axis={axis})"


# ---- index functions -----------------------------------------------------------------------------

def picked(p: Program, name: str) -> str:
    v = p.operand("gather", lambda v: v.ndim == 2 and v.is_float and v.array.size > 0 and v.shape[0] < 20)
    if bare(name) in ("batch_take", "choose_element_0index"):
        return f"{name}({v.name}, {indices(p, v.shape[1], v.shape[0])})"
    axis = p.d.integer(0, 1)
    return call(p, name, v.name, indices(p, v.shape[axis], v.shape[1 - axis]), axis=axis, keepdims=p.d.flag(30))


def one_hot(p: Program, name: str) -> str:
    depth = p.d.integer(1, 5)
    return f"{name}({indices(p, depth)}, {depth})"


def topk(p: Program, name: str) -> str:
    v = floats(p, "reduction", 1)
    axis = p.axis(v.ndim)
    kind = p.d.pick(["value", "indices", "mask", "both"])
    return call(p, name, v.name, axis=axis, k=p.d.integer(1, min(v.shape[axis], 3)), ret_typ=kind,
                is_ascend=p.d.flag(50))


def _coordinates(p: Program, v: Var, unique: bool) -> str:
    """Coordinates of elements of an array, as columns of one or two coordinates."""
    k = p.d.integer(1, min(v.ndim, 2))
    count = p.d.integer(1, 3)
    rows = [[p.d.integer(0, n - 1) for _ in range(count)] for n in v.shape[:k]]
    if unique and len(set(zip(*rows, strict=True))) < count:
        rows = [row[:1] for row in rows]
    return f"{p.flavour}.array({rows}, dtype='int64')"


def gather_nd(p: Program, name: str) -> str:
    v = p.operand("gather", lambda v: v.ndim > 0 and v.is_float and v.array.size > 0)
    return f"{name}({v.name}, {_coordinates(p, v, False)})"


def scatter_nd(p: Program, name: str) -> str:
    v = wanted(p, "scatter", lambda v: v.ndim == 1 and v.is_float and 0 < v.array.size < 9, (4,))
    places = p.d.sample(range(9), v.array.size)
    return f"{name}({v.name}, {p.flavour}.array([{places}], dtype='int64'), shape=(9,))"


def index_write(p: Program, name: str) -> str:
    v = p.operand("scatter", lambda v: v.ndim == 2 and v.is_float and v.array.size > 0)
    count = p.d.integer(1, min(v.shape[0], 3))
    rows = p.d.sample(range(v.shape[0]), count) if name == "npx.index_update" else [
        p.d.integer(0, v.shape[0] - 1) for _ in range(count)]
    val = [w for w in p.vars if w.dtype == v.dtype and w.shape == (count, v.shape[1])]
    value = p.operand("write", lambda w: w in val).name if val else new(p, (count, v.shape[1]), v.dtype)
    return f"{name}({v.name}, np.array([{rows}], dtype='int64'), {value})"


def index_copy(p: Program, name: str) -> str:
    v = p.operand("scatter", lambda v: v.ndim == 2 and v.is_float and v.array.size > 0)
    count = p.d.integer(1, min(v.shape[0], 3))
    rows = p.d.sample(range(v.shape[0]), count)
    return f"{name}({v.name}, nd.array({rows}, dtype='int64'), {new(p, (count, v.shape[1]), v.dtype)})"


def embedding(p: Program, name: str) -> str:
    v = p.operand("gather", lambda v: v.ndim == 2 and v.is_float and v.array.size > 0)
    dims = f"input_dim={v.name}.shape[0], output_dim={v.name}.shape[1]"
    return f"{name}({indices(p, v.shape[0])}, {v.name}{', ' + dims if name.startswith('nd.') else ''})"


def multi_index(p: Program, name: str) -> str:
    shape = (p.d.integer(2, 4), p.d.integer(2, 4))
    if bare(name) == "unravel_index":
        return f"{name}({indices(p, shape[0] * shape[1])}, shape={shape})"
    count = p.d.integer(1, 3)
    rows = [[p.d.integer(0, n - 1) for _ in range(count)] for n in shape]
    return f"{name}(nd.array({rows}, dtype='int64'), shape={shape})"


def sequence(p: Program, name: str) -> str:
    v = wanted(p, "gather", lambda v: v.is_float and 2 <= v.ndim <= 4 and v.array.size > 0, (4, "n", 3))
    axis = 0 if name.lower().endswith("reverse") else p.d.integer(0, 1)
    if v.shape[1 - axis] > 8 or p.d.flag(20):
        return f"{name}({v.name})"
    lengths = [p.d.integer(1, v.shape[axis]) for _ in range(v.shape[1 - axis])]
    keywords: dict[str, Any] = {"use_sequence_length": True, "axis": axis}
    if name.lower().endswith("mask"):
        keywords["value"] = p.d.pick([0.0, 2.0])
    return f"{name}({words(v.name, f'{p.flavour}.array({lengths}, dtype={str(v.dtype)!r})', **keywords)})"


KINDS: dict[str, list[tuple[int, Form, list[str]]]] = {
    "np": [(6, basic, ["getitem"]), (5, advanced, ["gather"]), (1, masked, ["mask"]), (3, take, ["np.take"]),
           (1, take_along_axis, ["np.take_along_axis"]), (2, picked, ["npx.pick"]), (1, one_hot, ["npx.one_hot"]),
           (1, topk, ["npx.topk"]), (2, gather_nd, ["npx.gather_nd"]), (1, scatter_nd, ["npx.scatter_nd"]),
           (2, index_write, ["npx.index_update", "npx.index_add"]), (2, embedding, ["npx.embedding"]),
           (1, sequence, full("npx", "sequence_mask sequence_last sequence_reverse"))],
    "nd": [(6, basic, ["getitem"]), (4, advanced, ["gather"]), (4, take, ["nd.take"]),
           (3, picked, full("nd", "pick batch_take choose_element_0index")), (1, one_hot, ["nd.one_hot"]),
           (1, topk, ["nd.topk"]), (2, gather_nd, ["nd.gather_nd"]), (1, scatter_nd, ["nd.scatter_nd"]),
           (1, index_copy, ["nd.contrib.index_copy"]), (3, embedding, ["nd.Embedding"]),
           (1, multi_index, full("nd", "ravel_multi_index unravel_index")),
           (1, sequence, full("nd", "SequenceMask SequenceLast SequenceReverse"))]}
