"""Forms of movement, joins and creation of `np` and `nd`."""
from __future__ import annotations

from ..draws import Program, Refused, Var
from .common import Form, bare, call, full, words

MOVES = ("transpose permute_dims swapaxes moveaxis rollaxis expand_dims squeeze ravel ndarray.flatten reshape "
         "broadcast_to repeat tile flip flipud fliplr roll rot90 pad diagonal diag diagflat trace tril triu "
         "atleast_1d atleast_2d atleast_3d split array_split hsplit vsplit dsplit")
ND_MOVES = ("transpose swapaxes SwapAxis moveaxis expand_dims squeeze flatten Flatten reshape Reshape "
            "broadcast_to broadcast_axis broadcast_axes repeat tile flip reverse pad Pad diag slice crop "
            "slice_axis split SliceChannel split_v2 shape_array size_array")
_RANK = {"rot90": 2, "fliplr": 2, "diagonal": 2, "trace": 2, "hsplit": 1, "flipud": 1, "swapaxes": 1, "moveaxis": 1,
         "rollaxis": 1, "tril": 2, "triu": 2, "split": 1, "array_split": 1, "vsplit": 2, "dsplit": 3, "SwapAxis": 1,
         "split_v2": 1, "SliceChannel": 1, "pad": 1, "Pad": 1}


def moved(p: Program, name: str) -> str:
    function = bare(name)
    v = p.operand("view", lambda v: v.ndim >= _RANK.get(function, 0))
    d, rank, x, shape = p.d, v.ndim, v.name, v.shape
    if function in ("transpose", "permute_dims"):
        return f"{x}.T" if d.flag(30) else call(p, name, x, tuple(d.sample(range(rank), rank)))
    if function in ("swapaxes", "SwapAxis"):
        return call(p, name, x, p.axis(rank), p.axis(rank))
    if function == "moveaxis":
        return f"{name}({x}, {p.axis(rank)}, {p.axis(rank)})"
    if function == "rollaxis":
        return f"{name}({x}, {d.integer(0, rank - 1)}, {d.integer(0, rank)})"
    if function == "expand_dims":
        return call(p, name, x, d.integer(-rank - 1, rank))
    if function in ("squeeze", "ravel", "flatten", "Flatten"):
        return f"{x}.flatten()" if function == "flatten" else call(p, name, x)
    if function in ("reshape", "Reshape"):
        return reshaped(p, name, v)
    if function == "broadcast_to":
        wide = tuple(d.pick([1, 2, 3, 8]) if n == 1 and d.flag(70) else n for n in shape)
        lead = [d.pick([1, 2, 3])] if p.flavour == "np" and d.flag(60) else []
        return call(p, name, x, (*lead, *wide))
    if function in ("broadcast_axis", "broadcast_axes"):
        return call(p, name, x, axis=p.pick_axis(shape, 1), size=d.pick([2, 3, 1, 5]))
    if function == "repeat":
        return call(p, name, x, d.pick([2, 3, 1] if p.flavour == "nd" else [1, 2, 3, 0]),
                    axis=p.axis(rank) if rank and d.flag(80) else None)
    if function == "tile":
        return call(p, name, x, d.pick([(2,), (2, 1), (1, 3), (3,), (2, 1, 1), (1, 2, 2), (1,)]))
    if function in ("flip", "reverse"):
        return call(p, name, x, axis=p.axis(rank) if p.flavour == "nd" else p.axes(rank))
    if function in ("flipud", "fliplr", "diagflat", "shape_array", "size_array") or function.startswith("atleast"):
        return f"{name}({x})"
    if function == "roll":
        return f"{name}({x}, {d.integer(-3, 3)}, axis={p.axis(rank) if rank and d.flag(70) else None})"
    if function == "rot90":
        return f"{name}({x}, {d.integer(0, 3)}, {tuple(d.sample(range(rank), 2))})"
    if function in ("pad", "Pad"):
        if p.flavour == "nd" and not 4 <= rank <= 5:
            raise Refused("rank")
        return padded(p, name, v)
    if function in ("diagonal", "trace"):
        return call(p, name, x, d.integer(-1, 1), *d.sample(range(rank), 2))
    if function in ("diag", "tril", "triu"):
        if function == "diag" and rank not in (1, 2):
            raise Refused("rank")
        return call(p, name, x, d.integer(-2, 2) if p.flavour == "np" or rank == 1 else 0)
    if function in ("slice", "crop"):
        pairs = [(d.integer(0, 1), d.pick([None, -1, n])) for n in shape]
        return call(p, name, x, begin=tuple(b for b, _ in pairs), end=tuple(e for _, e in pairs))
    if function == "slice_axis":
        return call(p, name, x, axis=p.axis(rank), begin=d.integer(0, 2), end=d.pick([None, -1, 2, 3]))
    return parts(p, name, v)


def parts(p: Program, name: str, v: Var) -> str:
    """An array split into parts."""
    d, function = p.d, bare(name)
    if function in ("hsplit", "vsplit", "dsplit"):
        return f"{name}({v.name}, {d.pick([(1,), (1, 2)])})"
    axis = p.axis(v.ndim)
    size = v.shape[axis]
    count = d.pick([k for k in (1, 2, 3, 4) if function == "array_split" or size % k == 0])
    if p.flavour == "nd":
        return call(p, name, v.name, count, axis=axis, squeeze_axis=count == size and v.ndim > 1 and d.flag(50))
    return call(p, name, v.name, d.pick([count, count, (1,), (1, 2), (0, 1)]), axis=axis)


def padded(p: Program, name: str, v: Var) -> str:
    d = p.d
    if p.flavour == "nd":
        widths = tuple(w if i > 3 else 0 for i, w in enumerate(d.integer(0, 2) for _ in range(2 * v.ndim)))
        mode = d.pick(["constant", "edge", "reflect"] if min(v.shape) > 2 else ["constant", "edge"])
        return call(p, name, v.name, mode=mode, pad_width=widths, constant_value=d.pick([0, 1]))
    widths = tuple((d.integer(0, 2), d.integer(0, 2)) for _ in range(v.ndim))
    mode = d.pick(["constant", "edge", "reflect", "symmetric"] if min(v.shape) > 2 else ["constant"])
    extra = {"constant_values": d.pick([0, 1, 2])} if mode == "constant" and d.flag(40) else {}
    return f"{name}({words(v.name, widths, mode=mode, **extra)})"


def reshaped(p: Program, name: str, v: Var) -> str:
    """`v` in another shape, written in terms of its own: flattened, split, or with axes of size 1 inserted."""
    d, x = p.d, v.name
    choice = d.integer(0, 5)
    if choice == 0:
        shape = "(-1,)" if v.array.size else "(0,)"
    elif choice == 1 and v.ndim:
        shape = f"({x}.shape[0], -1)" if v.array.size else f"({x}.shape[0], 1)"
    elif choice == 2:
        shape = str((*v.shape[:1], 1, *v.shape[1:]))
    elif choice == 3 and v.array.size:
        k = d.pick([k for k in (1, 2, 3, 4, 5, 8, 16) if v.array.size % k == 0])
        shape = f"({k}, -1)" if d.flag(50) else f"(-1, {k})"
    elif choice == 4 and p.flavour == "nd":
        shape = str(d.pick([(-3, -2), (0, -1), (-2,), (-1, 0)] if v.ndim > 1 else [(-2,), (-4, 1, -1)]))
    else:
        shape = f"(1, *{x}.shape, 1)"
    return f"{x}.reshape({shape})" if d.flag(50) else f"{name}({x}, {shape})"


def like(p: Program, name: str) -> str:
    """Functions of an array and a second one that gives the shape."""
    function = bare(name)
    v = p.operand("view", lambda v: v.ndim > 0)
    if function == "reshape_like":
        w = p.operand("shape", lambda w: w.array.size == v.array.size)
    elif function == "broadcast_like":
        w = p.operand("shape", lambda w: w.ndim == v.ndim and all(a in (1, b) for a, b in zip(v.shape, w.shape)))
    else:
        w = p.operand("shape", lambda w: w.ndim == v.ndim and all(a >= b for a, b in zip(v.shape, w.shape)))
    return call(p, name, v.name, w.name)


def batch_flat(p: Program, name: str) -> str:
    return f"{name}({p.operand('view', lambda v: v.ndim > 1).name})"


def npx_slice(p: Program, name: str) -> str:
    v = p.operand("view", lambda v: v.ndim > 0)
    pairs = [(p.d.integer(0, 1), p.d.pick([None, -1, n])) for n in v.shape]
    return call(p, name, v.name, begin=tuple(b for b, _ in pairs), end=tuple(e for _, e in pairs))


def npx_reshape(p: Program, name: str) -> str:
    """npx's codes: -2 copies an axis, -4 all that follow, -5 joins two, -6 splits one, -3 drops an axis of size 1."""
    v = p.operand("view", lambda v: v.ndim > 0)
    codes = [(-4,), (-2, -4), (-6, 1, -1, -4)]
    codes += [(-5, -4)] if v.ndim > 1 else []
    codes += [(-3, -4)] if v.shape[0] == 1 else []
    return f"{v.name}.npx_reshape({p.d.pick(codes)})" if p.d.flag(40) else f"{name}({v.name}, {p.d.pick(codes)})"


def meshed(p: Program, name: str) -> str:
    v, w = (p.operand("view", lambda v: v.ndim == 1 and v.is_float and v.array.size < 20) for _ in range(2))
    return f"np.meshgrid({v.name}, {w.name}, indexing={p.d.pick(['xy', 'ij'])!r})"


# ---- creation ------------------------------------------------------------------------------------

def created(p: Program, name: str) -> str:
    """Constant arrays: recorded, not stored."""
    d, function = p.d, bare(name)
    dtype = d.pick(["float32", "float32", "float64", "int32", "float16"])
    if function in ("zeros", "ones", "full"):
        shape = [d.pick(p.dims) for _ in range(d.integer(0 if p.flavour == "np" else 1, 3))]
        written = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
        return f"{name}({written}{', 2' if function == 'full' else ''}, dtype={dtype!r})"
    if function == "arange":
        return f"{name}({d.pick(p.dims)}, dtype={dtype!r})"
    if function == "linspace":
        return f"{name}(0, 2, {d.pick([5, 3, 9])}, dtype='float32')"
    if function in ("eye", "tri"):
        return f"{name}({d.pick(p.dims)}, {d.pick(p.dims)}, {d.integer(-1, 1)}, dtype={dtype!r})"
    if function == "identity":
        return f"{name}({d.pick(p.dims)}, dtype={dtype!r})"
    return f"{name}(({d.integer(1, 3)}, {d.integer(1, 3)}))"


def joined(p: Program, name: str) -> str:
    function = bare(name).lower()
    v = p.operand("join", lambda v: v.ndim > 0 or function == "stack")
    axis = p.axis(v.ndim + 1) if function == "stack" else p.axis(v.ndim)
    exact = function in ("stack", "dstack", "column_stack")
    others = [v.name, *(p.operand("join", lambda w: w.dtype == v.dtype and w.ndim == v.ndim and (
        w.shape == v.shape if exact else all(a == b or i == axis % v.ndim for i, (a, b) in
                                             enumerate(zip(v.shape, w.shape))))).name
        for _ in range(p.d.integer(1, 2)))]
    if function == "append":
        return f"np.append({others[0]}, {others[1]}, axis={axis})"
    if function == "broadcast_arrays":
        return f"np.broadcast_arrays({', '.join(others)})"
    if p.flavour == "nd" and function != "concatenate":
        return f"{name}({', '.join(others)}, {'axis' if function == 'stack' else 'dim'}={axis})"
    seq = f"[{', '.join(others)}]"
    return f"{name}({seq}, axis={axis})" if function in ("concatenate", "concat", "stack") else f"{name}({seq})"


JOINS = "concatenate concat stack vstack row_stack hstack dstack column_stack append broadcast_arrays"


KINDS: dict[str, list[tuple[int, Form, list[str]]]] = {
    "np": [(14, moved, full("np", MOVES)), (1, npx_reshape, ["npx.reshape"]), (1, meshed, ["np.meshgrid"]),
           (1, like, full("npx", "reshape_like broadcast_like slice_like")), (1, batch_flat, ["npx.batch_flatten"]),
           (1, npx_slice, ["npx.slice"]), (5, joined, full("np", JOINS)),
           (4, created, full("np", "zeros ones full arange linspace eye identity tri indices"))],
    "nd": [(12, moved, full("nd", ND_MOVES)), (2, like, full("nd", "reshape_like broadcast_like slice_like")),
           (5, joined, full("nd", "concat Concat stack concatenate")),
           (4, created, full("nd", "zeros ones full arange eye"))]}
