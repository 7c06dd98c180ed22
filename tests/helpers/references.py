"""References for the primitives, independent of ops/: by mpmath, Python's numbers, loops, or the definition.

An adjoint (`place`, `scatter_add`, the derivatives of a convolution) follows its definition: the transpose of a linear
map, column by column.
"""
from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
from fuzz.reference.sliding import windows
from mpmath import mp
from picture_references import PICTURES
from region_references import REGIONS
from vision_references import VISION

Reference = Callable[..., Any]

#: The reference of each op: a function of its operands (float64s or integers) and its attributes.
REFERENCES: dict[str, Reference] = {**VISION, **REGIONS, **PICTURES}


def reference(name: str, arrays: Sequence[np.ndarray], attrs: tuple) -> list[np.ndarray]:
    """The op's result on `arrays`: exactly, or in float64."""
    found = REFERENCES[name](*arrays, *attrs)
    return [np.asarray(a) for a in found] if isinstance(found, tuple) else [np.asarray(found)]


# ---- functions of scalars ------------------------------------------------------------------------

def _number(x: Any) -> Any:
    return mpmath.mpf(float(x)) if isinstance(x, (float, np.floating)) else int(x)


def _each(f: Callable[..., Any]) -> Reference:
    def function(*arrays: np.ndarray) -> np.ndarray:
        flat = [np.broadcast_to(a, np.broadcast_shapes(*(b.shape for b in arrays))) for a in arrays]
        made = [f(*map(_number, one)) for one in zip(*(a.ravel() for a in flat), strict=True)]
        return np.array([_element(v) for v in made]).reshape(flat[0].shape)

    return function


def _element(x: Any) -> Any:
    """A result as an array stores it: integers as the 64 bits that they have in any dtype."""
    return float(x) if isinstance(x, mpmath.mpf) else x if isinstance(x, (bool, float)) else np.uint64(x % 2**64)


def _floor_divide(x: Any, y: Any) -> Any:
    return mp.floor(x / y) if isinstance(x, mpmath.mpf) else x // y


for _name in "sqrt cbrt exp expm1 log log1p log10 sin cos tan sinh cosh tanh erf sign floor ceil erfinv gamma".split():
    REFERENCES[_name] = _each(getattr(mp, _name))
for _name in "sin cos tan sinh cosh tanh".split():
    REFERENCES[f"arc{_name}"] = _each(getattr(mp, f"a{_name}"))
for _name, _of_numbers in {
    "negative": operator.neg, "square": lambda x: x * x, "rsqrt": lambda x: 1 / mp.sqrt(x), "exp2": lambda x: 2**x,
    "log2": lambda x: mp.log(x, 2), "sigmoid": lambda x: 1 / (1 + mp.exp(-x)), "absolute": abs,
    "relu": lambda x: max(x, 0), "without_gradient": lambda x: x,
    "trunc": lambda x: mp.mpf(int(x)), "rint": mp.nint, "softplus": lambda x: mp.log(1 + mp.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)), "gammaln": mp.loggamma, "isnan": lambda x: x != x,
    "logical_not": lambda x: x == 0, "bitwise_not": operator.invert,
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv,
    "floor_divide": _floor_divide, "mod": lambda x, y: x - y * _floor_divide(x, y),
    "fmod": lambda x, y: x - y * int(x / y), "maximum": max, "minimum": min, "power": operator.pow,
    "arctan2": mp.atan2, "hypot": mp.hypot, "logaddexp": lambda x, y: mp.log(mp.exp(x) + mp.exp(y)),
    "equal": operator.eq, "not_equal": operator.ne, "less": operator.lt, "less_equal": operator.le,
    "greater": operator.gt, "greater_equal": operator.ge, "logical_and": lambda x, y: x != 0 and y != 0,
    "logical_or": lambda x, y: x != 0 or y != 0, "logical_xor": lambda x, y: (x != 0) is not (y != 0),
    "bitwise_and": operator.and_, "bitwise_or": operator.or_, "bitwise_xor": operator.xor,
    "left_shift": operator.lshift, "right_shift": operator.rshift, "gcd": math.gcd, "lcm": math.lcm,
    "where": lambda c, x, y: x if c else y,
}.items():
    REFERENCES[_name] = _each(_of_numbers)
REFERENCES["cast"] = lambda x, dtype: x.astype(dtype)
REFERENCES["polygamma"] = lambda x, order: _each(lambda v: mp.psi(order, v))(x)
for _name in "product_of_others squares_about_mean own_gradient as_softmax depend store to_device duplicate".split():
    REFERENCES[_name] = lambda first, *rest: first


def _unique(x: np.ndarray) -> np.ndarray:
    """Rows of the distinct numbers after the repeated first; of each element's place there; of 1 for each number."""
    found = sorted(set(x.tolist()))
    rest = x.size - len(found)
    return np.array([found[:1] * rest + found, [rest + found.index(n) for n in x], [0] * rest + [1] * len(found)],
                    np.int64)


REFERENCES["unique"] = _unique

# ---- axes ----------------------------------------------------------------------------------------

def _reduce(f: Callable[[list], Any]) -> Reference:
    def function(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        kept = [i for i in range(x.ndim) if i not in axes]
        out = np.empty([x.shape[i] for i in kept], x.dtype)
        for at in np.ndindex(out.shape):
            here: list[Any] = [slice(None)] * x.ndim
            for i, k in zip(kept, at, strict=True):
                here[i] = k
            out[at] = f(x[tuple(here)].ravel().tolist())
        return out

    return function


REFERENCES.update(reduce_sum=_reduce(math.fsum), reduce_prod=_reduce(math.prod), reduce_max=_reduce(max),
                  reduce_min=_reduce(min))


def _along(f: Callable[[list], Any]) -> Reference:
    return lambda x, axis: np.apply_along_axis(lambda line: f(line.tolist()), axis, x)


def _places(descending: bool) -> Callable[[list], list[int]]:
    return lambda line: sorted(range(len(line)), key=line.__getitem__, reverse=descending)


REFERENCES.update(
    cumsum=_along(lambda line: list(itertools.accumulate(line))),
    argmax=_along(lambda line: line.index(max(line))), argmin=_along(lambda line: line.index(min(line))),
    argsort=lambda x, axis, descending: _along(_places(descending))(x, axis),
    iota=lambda shape, axis, dtype: np.fromfunction(lambda *i: i[axis], shape, dtype=dtype),
    ctc_lengths=lambda label, padding: np.array([[*line, padding].index(padding) for line in label.tolist()]))


def _scan(x: np.ndarray, h: np.ndarray, w: np.ndarray, body: Any, *attrs: Any) -> tuple[np.ndarray, np.ndarray]:
    """The scan of the samples: h becomes tanh(x + h @ w), or max(x, h); a result is x more, or the smaller one."""
    found = np.empty_like(x)
    for t in reversed(range(len(x))) if attrs[2] else range(len(x)):
        if x.dtype.kind == "f":
            h = np.tanh(x[t] + np.einsum("ij,jk->ik", h, w))
            found[t] = h + x[t]
        else:
            h, found[t] = np.maximum(x[t], h), np.minimum(x[t], h)
    return h, found


REFERENCES.update(scan=_scan)


# ---- element movement ----------------------------------------------------------------------------

def _picked(shape: Sequence[int], at: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Reference:
    """An array of `shape` whose elements are those of the operand at the indices that `at` gives."""
    def function(x: np.ndarray) -> np.ndarray:
        out = np.empty(shape, x.dtype)
        for i in np.ndindex(*shape):
            out[i] = x[at(i)]
        return out

    return function


def _transpose(x: np.ndarray, perm: tuple[int, ...]) -> np.ndarray:
    return _picked([x.shape[p] for p in perm], lambda i: tuple(i[perm.index(a)] for a in range(x.ndim)))(x)


def _broadcast(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return _picked(shape, lambda i: tuple(k if n > 1 else 0 for k, n in zip(i[len(i) - x.ndim:], x.shape)))(x)


def _slice(x: np.ndarray, spec: tuple) -> np.ndarray:
    return _picked([n for _, n, _ in spec], lambda i: tuple(s + k * t for k, (s, _, t) in zip(i, spec)))(x)


def _reshape(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    out = np.empty(shape, x.dtype)
    out.flat = x.ravel().tolist()
    return out


def _concatenate(*args: Any) -> np.ndarray:
    *arrays, axis = args
    lines = [line for a in arrays for line in np.moveaxis(a, axis, 0)]
    return np.moveaxis(np.stack(lines), 0, axis)


def _gather(x: np.ndarray, *rest: Any) -> np.ndarray:
    """A gather by index arrays of one shape, for axes that lie side by side."""
    *indices, template, _ = rest
    first = [kind for kind, *_ in template].index("i")
    inner = indices[0].shape
    before, after = [[n for kind, *span in part if kind == "s" for n in span[1:2]]
                     for part in (template[:first], template[first:])]

    def at(i: tuple[int, ...]) -> tuple[int, ...]:
        middle, rest = i[first:first + len(inner)], iter(i[:first] + i[first + len(inner):])
        return tuple(int(indices[e[1]][middle]) if e[0] == "i" else e[1] + next(rest) * e[3] for e in template)

    return _picked([*before, *inner, *after], at)(x)


def _take_along(x: np.ndarray, index: np.ndarray, axis: int) -> np.ndarray:
    return _picked(index.shape, lambda i: (*i[:axis], int(index[i]), *i[axis + 1:]))(x)


def _written(x: np.ndarray, value: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A copy of `x` with the elements of `value`, broadcast to the shape of `places`, written at these positions."""
    out = x.copy()
    for place, v in zip(places.ravel(), np.broadcast_to(value, places.shape).ravel(), strict=True):
        out.flat[place] = v
    return out


def _numbered(x: np.ndarray) -> np.ndarray:
    return np.arange(x.size).reshape(x.shape)


REFERENCES.update(
    transpose=_transpose, broadcast_to=_broadcast, slice=_slice, reshape=_reshape, concatenate=_concatenate,
    cut=lambda x, axis, starts: tuple(
        np.take(x, range(start, end), axis) for start, end in itertools.pairwise((*starts, x.shape[axis]))),
    gather=_gather, take_along=_take_along,
    update=lambda x, value, spec: _written(x, value, _slice(_numbered(x), spec)),
    put=lambda value, *rest: _written(rest[-4], value, _gather(_numbered(rest[-4]), *rest[:-4], rest[-3], False)),
    put_mask=lambda x, mask, value: _written(x, value.ravel(), np.array(
        [line for line, held in zip(_numbered(x).reshape(mask.size, -1), mask.ravel()) if held], int).ravel()))


# ---- linear maps and their transposes ------------------------------------------------------------

def _adjoint(f: Reference, g: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """The transpose of the linear map `f` of arrays of `shape`, applied to `g`."""
    out = np.zeros(shape, g.dtype)
    for i in np.ndindex(*shape):
        unit = np.zeros(shape, g.dtype)
        unit[i] = 1
        out[i] = (f(unit) * g).sum()
    return out


def _matmul(a: np.ndarray, b: np.ndarray, ta: bool, tb: bool) -> np.ndarray:
    return np.einsum(f"...{'ki' if ta else 'ik'},...{'jk' if tb else 'kj'}->...ij", a, b)


def _onto(a: np.ndarray, b: np.ndarray, c: np.ndarray, ta: bool, tb: bool, alpha: float, beta: float,
          *_: int) -> np.ndarray:
    return alpha * _matmul(a, b, ta, tb) + beta * c


def _out(size: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilate: Sequence[int],
         pad: Sequence[int]) -> tuple[int, ...]:
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1
                 for n, k, s, d, p in zip(size, kernel, stride, dilate, pad, strict=True))


def _im2col(x: np.ndarray, kernel: tuple, stride: tuple, dilate: tuple, pad: tuple) -> np.ndarray:
    out = _out(x.shape[2:], kernel, stride, dilate, pad)
    return windows(x, kernel, stride, dilate, pad, out).reshape(len(x), -1, math.prod(out))


def _convolve(x: np.ndarray, w: np.ndarray, stride: tuple, dilate: tuple, pad: tuple, groups: int) -> np.ndarray:
    out = _out(x.shape[2:], w.shape[2:], stride, dilate, pad)
    cols = windows(x, w.shape[2:], stride, dilate, pad, out).reshape(len(x), groups, -1, math.prod(out))
    found = np.einsum("bgko,gfk->bgfo", cols, w.reshape(groups, len(w) // groups, -1))
    return found.reshape(len(x), len(w), *out)


def _pool_windows(x: np.ndarray, kernel: tuple, stride: tuple, pad: tuple, convention: str, fill: float) -> np.ndarray:
    """The elements of each window along axis 2."""
    room = [n + 2 * p - k for n, p, k in zip(x.shape[2:], pad, kernel)]
    counts = {"valid": lambda n, r, s: 1 + r // s, "full": lambda n, r, s: 1 + math.ceil(r / s),
              "same": lambda n, r, s: math.ceil(n / s)}
    out = tuple([counts[convention](n, r, s) for n, r, s in zip(x.shape[2:], room, stride)])
    return windows(x, kernel, stride, (1,) * len(kernel), pad, out, fill).reshape(*x.shape[:2], -1, *out)


def _pool_max(x: np.ndarray, *geometry: Any) -> np.ndarray:
    return _pool_windows(x, *geometry, -np.inf).max(axis=2)


def _pool_sum(x: np.ndarray, kernel: tuple, stride: tuple, pad: tuple, convention: str,
              counted: str | None) -> np.ndarray:
    total = _pool_windows(x, kernel, stride, pad, convention, 0).sum(axis=2)
    if counted is None:
        return total
    outer = [(p if counted == "padded" else 0,) * 2 for p in pad]
    ones = np.pad(np.ones((1, 1, *x.shape[2:])), [(0, 0), (0, 0), *outer], constant_values=1)
    inner = pad if counted == "inside" else (0,) * len(pad)
    return total / _pool_windows(ones, kernel, stride, inner, convention, 0).sum(axis=2)


def _pool_pick(z: np.ndarray, x: np.ndarray, *geometry: Any) -> np.ndarray:
    seen, values = _pool_windows(x, *geometry, -np.inf), _pool_windows(z, *geometry, 0)
    return np.take_along_axis(values, seen.argmax(axis=2)[:, :, None], 2)[:, :, 0]


REFERENCES.update(
    matmul=_matmul, matmul_onto=_onto, im2col=_im2col, convolve=_convolve, pool_sum=_pool_sum, pool_max=_pool_max,
    pool_pick=_pool_pick, pool_put=lambda g, x, *rest: _adjoint(lambda z: _pool_pick(z, x, *rest), g, x.shape),
    place=lambda g, shape, spec: _adjoint(lambda x: _slice(x, spec), g, shape),
    scatter_add=lambda g, *rest: _adjoint(lambda x: _gather(x, *rest[:-2], False), g, rest[-2]),
    scatter_onto=lambda g, *rest: rest[-4] + _adjoint(
        lambda x: _gather(x, *rest[:-4], rest[-3], False), g, rest[-2]),
    add_along=lambda g, index, axis, n: _adjoint(
        lambda x: _take_along(x, index, axis), g, (*g.shape[:axis], n, *g.shape[axis + 1:])),
    col2im=lambda g, size, kernel, *geometry: _adjoint(
        lambda x: _im2col(x, kernel, *geometry), g, (len(g), g.shape[1] // math.prod(kernel), *size)),
    convolve_spread=lambda g, w, size, *rest: _adjoint(
        lambda x: _convolve(x, w, *rest), g, (len(g), w.shape[1] * rest[-1], *size)),
    convolve_correlate=lambda g, x, kernel, *rest: _adjoint(
        lambda w: _convolve(x, w, *rest), g, (g.shape[1], x.shape[1] // rest[-1], *kernel)),
    pool_spread=lambda g, shape, *rest: _adjoint(lambda x: _pool_sum(x, *rest), g, shape))


# ---- matrices ------------------------------------------------------------------------------------

def _matrices(f: Callable[..., Any]) -> Reference:
    """Lift a function of one matrix (and more) to stacks of them; in mpmath."""
    def function(*arrays: np.ndarray) -> Any:
        batch = arrays[0].shape[:-2]
        made = [f(*(mpmath.matrix(a[i].tolist()) for a in arrays)) for i in np.ndindex(batch)]
        if isinstance(made[0], tuple):
            return tuple(np.array([[float(v) for v in one[k]] for one in made]).reshape(*batch, -1)
                         for k in range(len(made[0])))
        if not isinstance(made[0], mpmath.matrix):
            return np.array([float(v) for v in made]).reshape(batch)
        return np.array([m.tolist() for m in made]).astype(float).reshape(*batch, made[0].rows, made[0].cols)

    return function


def _slogdet(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = REFERENCES["det"](a)
    return np.sign(found), np.log(np.abs(found))


REFERENCES.update(
    inv=_matrices(mp.inverse), det=_matrices(mp.det), solve=_matrices(lambda a, b: mp.inverse(a) * b),
    cholesky=_matrices(mp.cholesky), slogdet=_slogdet)

#: Ops whose results are unique up to signs: a unique function of the results, and its value for the operand.
FACTORS: dict[str, tuple[Reference, Reference]] = {
    "eigh": (lambda w, v: (w, (v * w[..., None, :]) @ _turned(v), _turned(v) @ v),
             lambda a: (_matrices(lambda m: (mp.eigsy(m, eigvals_only=True),))(a)[0], a, _unit(a))),
    "svd": (lambda u, s, vt: (s, (u * s[..., None, :]) @ vt, _turned(u) @ u, vt @ _turned(vt)),
            lambda a: (_matrices(lambda m: (mp.svd_r(m, compute_uv=False),))(a)[0], a, _unit(a), _unit(a))),
    "qr": (lambda q, r: (q @ r, _turned(q) @ q, np.tril(r, -1)), lambda a: (a, _unit(a), np.zeros_like(a)))}


def _turned(a: np.ndarray) -> np.ndarray:
    return np.swapaxes(a, -1, -2)


def _unit(a: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.eye(a.shape[-1]), a.shape)


# ---- connectionist temporal classification -------------------------------------------------------

def _ctc(x: np.ndarray, label: np.ndarray, steps: np.ndarray, lengths: np.ndarray,
         blank: int) -> tuple[np.ndarray, np.ndarray]:
    """The losses and their gradients: sums over the paths of classes that are the label without repeats and blanks."""
    loss, slope = np.zeros(x.shape[1]), np.zeros(x.shape)
    for b in range(x.shape[1]):
        count, wanted = int(steps[b]), label[b, :int(lengths[b])].tolist()
        y = np.exp(x[:count, b]) / np.exp(x[:count, b]).sum(axis=1, keepdims=True)
        held = np.zeros(y.shape)
        for path in itertools.product(range(x.shape[2]), repeat=count):
            if [c for c, _ in itertools.groupby(path) if c != blank] == wanted:
                held[range(count), path] += y[range(count), path].prod()
        loss[b] = -np.log(held[0].sum())
        slope[:count, b] = y - held / held[0].sum()
    return loss, slope


REFERENCES["ctc"] = _ctc
