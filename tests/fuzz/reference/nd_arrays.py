"""`nd`'s functions of whole arrays, under its own names and with its own arguments; no result is 0-d."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import attention, layers, linalg, losses, picking, recurrent, sliding, updates
from .elementwise import DIVIDE, cast
from .layers import NPX
from .nd_elementwise import CONTRIB, FUNCTIONS, at_least_one
from .np_elementwise import FUNCTIONS as NP
from .np_elementwise import I64
from .np_movement import moves
from .np_reductions import axes_of, finished, mean_of, number, product_over, reshaped, running
from .products import Einsum
from .values import NoAnswer, Value, apply, stored

# ---- reductions ----------------------------------------------------------------------------------

def nd_axes(axis: Any, ndim: int, exclude: bool = False) -> tuple[int, ...]:
    axes = axes_of(None if axis in (None, ()) else axis, ndim)
    return tuple(i for i in range(ndim) if i not in axes) if exclude else axes


def _truncated(x: Value, n: int) -> Value:
    """A sum divided by a count; integers are truncated."""
    if x.dtype.kind != "f":
        return Value(np.trunc(x.data / n).astype(x.dtype), x.dtype)
    return apply(DIVIDE, [x, number(n, x.dtype)], x.dtype)


def _reduction(over: Callable[[Any, tuple[int, ...]], Any]) -> Callable:
    """Build a reduction. over: a function of an array and axes that keeps these axes with size 1."""
    def function(data: Any, axis: Any = None, keepdims: bool = False, exclude: bool = False) -> Any:
        axes = nd_axes(axis, data.ndim, exclude)
        return at_least_one(type(data).of(finished(over(data, axes).value, axes, keepdims)))

    return function


def _sum(data: Any, axes: tuple[int, ...]) -> Any:
    return NP["sum"](data, axes, data.dtype, True)


def _mean(data: Any, axes: tuple[int, ...]) -> Any:
    if data.dtype.kind == "f":
        return type(data).of(mean_of(data.value, axes))
    return type(data).of(_truncated(_sum(data, axes).value, math.prod(data.shape[i] for i in axes)))


def _prod(data: Any, axes: tuple[int, ...]) -> Any:
    x = data.value
    for i in axes:
        x = product_over(x, i)
    return type(data).of(x)


def _without_nan(fill: float, over: Callable) -> Callable:
    return lambda data, axes: over(NP["where"](NP["isnan"](data), fill, data), axes)


def _some(over: Callable) -> Callable:
    def function(data: Any, axes: tuple[int, ...]) -> Any:
        if not data.size:
            raise NoAnswer("empty")
        return over(data, axes)

    return function


for _names, _over in [("sum sum_axis", _sum), ("mean", _mean), ("prod", _prod),
                      ("max max_axis", _some(lambda a, axes: NP["max"](a, axes, True))),
                      ("min min_axis", _some(lambda a, axes: NP["min"](a, axes, True))),
                      ("nansum", _without_nan(0, _sum)), ("nanprod", _without_nan(1, _prod))]:
    for _name in _names.split():
        FUNCTIONS[_name] = _reduction(_over)


def norm(data: Any, ord: int = 2, axis: Any = None, out_dtype: Any = None, keepdims: bool = False) -> Any:
    axes = nd_axes(axis, data.ndim)
    if ord == 1:
        return at_least_one(NP["sum"](NP["abs"](data), axes, data.dtype, keepdims))
    return at_least_one(type(data).of(finished(layers.euclidean(data.value, axes), axes, keepdims)))


def _position(fn: Callable) -> Callable:
    def function(data: Any, axis: Any = None, keepdims: bool = False) -> Any:
        found = fn(data.memory, axis, keepdims=keepdims)
        return at_least_one(type(data).of(Value(stored(found, data.dtype), data.dtype)))

    return function


def cumsum(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    x = a.value if dtype is None else cast(a.value, np.dtype(dtype))
    if axis is None:
        x, axis = reshaped(x, (a.size,)), 0
    return type(a).of(running(x, axes_of(axis, x.data.ndim)[0]))


def moments(data: Any, axes: Any = None, keepdims: bool = False) -> list[Any]:
    over = nd_axes(axes, data.ndim)
    middle = _mean(data, over)
    away = data - NP["broadcast_to"](middle, data.shape)
    made = [middle, _mean(away * away, over)]
    return [at_least_one(type(data).of(finished(m.value, over, keepdims))) for m in made]


FUNCTIONS.update(norm=norm, argmax=_position(np.argmax), argmin=_position(np.argmin), cumsum=cumsum, moments=moments,
                 argmax_channel=lambda data: _position(np.argmax)(data, 1))


# ---- movement ------------------------------------------------------------------------------------

def decode(shape: tuple[int, ...], codes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape for nd's codes: 0 copies an axis, -2 all that follow, -3 joins two, -4 splits one, -1 is inferred."""
    out: list[int] = []
    given, at = list(codes), 0
    while given:
        code = given.pop(0)
        if code == 0:
            out.append(shape[at])
            at += 1
        elif code == -2:
            out += shape[at:]
            at = len(shape)
        elif code == -3:
            out.append(shape[at] * shape[at + 1])
            at += 2
        elif code == -4:
            a, b = given[:2]
            del given[:2]
            a, b = (shape[at] // b if a == -1 else a), (shape[at] // a if b == -1 else b)
            if a * b != shape[at]:
                raise NoAnswer("shape")
            out += [a, b]
            at += 1
        else:
            out.append(code)
            at += 1
    return tuple(out)


def reshape(data: Any, shape: Any) -> Any:
    return NP["reshape"](data, decode(data.shape, (shape,) if isinstance(shape, int) else tuple(shape)))


def flatten(data: Any) -> Any:
    return NP["reshape"](data, (data.shape[0], math.prod(data.shape[1:])))


def broadcast_axis(data: Any, axis: Any = (), size: Any = ()) -> Any:
    shape = list(data.shape)
    pairs = ((x,) if isinstance(x, int) else x for x in (axis, size))
    for i, n in zip(*pairs, strict=True):
        if shape[i] != 1:
            raise NoAnswer("shape")
        shape[i] = n
    return NP["broadcast_to"](data, tuple(shape))


def broadcast_to(data: Any, shape: tuple[int, ...]) -> Any:
    if len(shape) != data.ndim:
        raise NoAnswer("shape")
    return NP["broadcast_to"](data, tuple(n or d for n, d in zip(shape, data.shape, strict=True)))


def slice_(data: Any, begin: Any, end: Any, step: Any = None) -> Any:
    made = layers.slice_(data, begin, end, step)
    if 0 in made.shape:
        raise NoAnswer("empty")
    return made


def slice_axis(data: Any, axis: int, begin: int, end: Any) -> Any:
    axis %= data.ndim
    made = moves(lambda a: a[(slice(None),) * axis + (slice(begin, end),)])(data)
    if 0 in made.shape:
        raise NoAnswer("empty")
    return made


def split(data: Any, num_outputs: int, axis: int = 1, squeeze_axis: bool = False) -> Any:
    parts = NP["split"](data, num_outputs, axis)
    if squeeze_axis:
        parts = [NP["squeeze"](p, axis) for p in parts]
    return parts[0] if len(parts) == 1 else parts


def pad(data: Any, mode: str = "constant", pad_width: Any = None, constant_value: float = 0.0) -> Any:
    widths = tuple(zip(pad_width[::2], pad_width[1::2], strict=True))
    if data.ndim not in (4, 5) or any(map(any, widths[:2])):
        raise NoAnswer("rank")
    if mode == "reflect" and any(w >= n for n, pair in zip(data.shape, widths, strict=True) for w in pair):
        raise NoAnswer("reflection of more than the data")
    words = {"constant_values": constant_value} if mode == "constant" else {}
    return NP["pad"](data, widths, mode=mode, **words)


def diag(data: Any, k: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return NP["diag"](data, k) if data.ndim == 1 else NP["diagonal"](data, k, axis1, axis2)


def squeeze(data: Any, axis: Any = None) -> Any:
    return at_least_one(NP["squeeze"](data, axis))


def joined(name: str) -> Callable:
    def function(*data: Any, axis: int = 0, dim: int = 1) -> Any:
        arrays = list(data[0]) if isinstance(data[0], (list, tuple)) else list(data)
        return NP[name](arrays, dim if name == "concatenate" else axis)

    return function


def _numbers(data: Any, values: tuple[int, ...]) -> Any:
    return type(data).of(Value(np.array(values, np.int64), I64))


FUNCTIONS.update(
    reshape=reshape, Reshape=reshape, flatten=flatten, Flatten=flatten, reshape_like=layers.reshape_like,
    transpose=lambda data, axes=None: NP["transpose"](data, axes or None),
    swapaxes=lambda data, dim1=0, dim2=0: NP["swapaxes"](data, dim1, dim2), moveaxis=NP["moveaxis"],
    expand_dims=NP["expand_dims"], squeeze=squeeze, broadcast_to=broadcast_to, broadcast_axis=broadcast_axis,
    broadcast_axes=broadcast_axis, broadcast_like=layers.broadcast_like, slice=slice_, crop=slice_,
    slice_axis=slice_axis, slice_like=lambda data, shape_like, axes=(): layers.slice_like(data, shape_like, axes),
    concat=joined("concatenate"), Concat=joined("concatenate"), stack=joined("stack"), split=split, SliceChannel=split,
    split_v2=lambda ary, parts, axis=0, squeeze_axis=False: split(ary, parts, axis, squeeze_axis),
    tile=NP["tile"], repeat=NP["repeat"], flip=NP["flip"], reverse=NP["flip"], pad=pad, Pad=pad, diag=diag,
    shape_array=lambda data: _numbers(data, data.shape), size_array=lambda data: _numbers(data, (data.size,)),
    concatenate=lambda arrays, axis=0: NP["concatenate"](arrays, axis))
FUNCTIONS["SwapAxis"] = FUNCTIONS["swapaxes"]


# ---- products ------------------------------------------------------------------------------------

def dot(lhs: Any, rhs: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    a = 0 if transpose_a else lhs.ndim - 1
    b = rhs.ndim - 1 if transpose_b else 0
    return at_least_one(NP["tensordot"](lhs, rhs, ([a], [b])))


def khatri_rao(*arrays: Any) -> Any:
    out = arrays[0]
    for x in arrays[1:]:
        if out.ndim != 2 or x.ndim != 2 or x.shape[1] != out.shape[1] or x.dtype != out.dtype:
            raise NoAnswer("shape")
        made = apply(Einsum(("ik", "jk"), "ijk"), [out.value, x.value], out.dtype)
        out = type(out).of(reshaped(made, (out.shape[0] * x.shape[0], out.shape[1])))
    return out


def multi_sum_sq(*data: Any, num_arrays: int) -> Any:
    sums = [NP["sum"](NP["square"](x.astype("float32"))).reshape((1,)) for x in data]
    return NP["concatenate"](sums, 0)


FUNCTIONS.update(dot=dot, batch_dot=layers.batch_dot, khatri_rao=khatri_rao, multi_sum_sq=multi_sum_sq)
for _name, _function in linalg.ND_LINALG.items():
    _outer = (lambda f: lambda *args, **keywords: _of_matrices(f, *args, **keywords))(_function)
    linalg.ND_LINALG[_name] = FUNCTIONS[f"linalg_{_name}"] = _outer


def _of_matrices(function: Any, *args: Any, **settings: Any) -> Any:
    if any(a.dtype not in ("float32", "float64") for a in args if hasattr(a, "dtype")):
        raise NoAnswer("dtype")
    made = function(*args, **settings)
    return [at_least_one(m) for m in made] if isinstance(made, list) else at_least_one(made)


# ---- indices, order, sequences, layers ---------------------------------------------------------------

def take(a: Any, indices: Any, axis: int = 0, mode: str = "clip") -> Any:
    places = picking.bounded(indices, a.shape[axis], mode)
    return moves(lambda data: np.take(data, places, axis))(a)


def _order(data: Any, axis: Any, is_ascend: bool) -> tuple[Any, np.ndarray, int]:
    if axis is None:
        data, axis = data.reshape((-1,)), 0
    return data, picking.order(data, axis, is_ascend), axis


def sort(data: Any, axis: Any = -1, is_ascend: bool = True) -> Any:
    data, order, axis = _order(data, axis, is_ascend)
    return moves(lambda a: np.take_along_axis(a, order, axis))(data)


def argsort(data: Any, axis: Any = -1, is_ascend: bool = True, dtype: Any = "float32") -> Any:
    kind = np.dtype(dtype)
    return type(data).of(Value(stored(_order(data, axis, is_ascend)[1], kind), kind))


def pick(data: Any, index: Any, axis: Any = -1, keepdims: bool = False, mode: str = "clip") -> Any:
    return at_least_one(picking.pick(data, index, axis, mode, keepdims))


def fully_connected(data: Any, weight: Any, bias: Any = None, num_hidden: Any = None, no_bias: bool = False,
                    flatten: bool = True) -> Any:
    return layers.fully_connected(data, weight, bias, num_hidden, no_bias, flatten)


def softmax_activation(data: Any, mode: str = "instance") -> Any:
    return layers.softmax(data, None, 1 if mode == "channel" else -1)


def softmax_cross_entropy(data: Any, label: Any) -> Any:
    """A row adds at most -log(1e-8), and just that if its label is no column; the slope is softmax - one_hot."""
    if label.shape != data.shape[:1] or label.dtype != data.dtype or data.dtype == np.float16:  # 1e-8 is 0 in float16
        raise NoAnswer("labels")
    logs, classes = layers.log_softmax(data, axis=1), np.trunc(label.memory)
    level = data[:, 0].copy() - logs[:, 0].copy()  # its slope is softmax
    columns = type(data).of(Value((classes >= 0) & (classes < data.shape[1]), np.dtype(bool)))
    loss = NP["where"](columns, -picking.pick(logs, label, 1), level)
    bound = loss - layers.stop_gradient(loss) - math.log(1e-8)
    inside = type(data).of(Value(columns.memory & (loss.memory < -math.log(1e-8)), np.dtype(bool)))
    return at_least_one(NP["sum"](NP["where"](inside, loss, bound)))


def group_norm(data: Any, gamma: Any, beta: Any, num_groups: int = 1, eps: float = 1e-5) -> Any:
    return layers.group_norm(data, gamma, beta, num_groups, eps)


for _name in ("gather_nd", "scatter_nd", "one_hot", "topk", "ravel_multi_index", "unravel_index"):
    FUNCTIONS[_name] = getattr(picking, _name)
FUNCTIONS.update(
    take=take, sort=sort, argsort=argsort, pick=pick, choose_element_0index=pick, Embedding=picking.embedding,
    batch_take=lambda a, indices: picking.pick(a, indices, 1), SequenceMask=picking.sequence_mask,
    SequenceLast=picking.sequence_last, SequenceReverse=picking.sequence_reverse, FullyConnected=fully_connected,
    Activation=NPX["activation"], LeakyReLU=layers.leaky_relu, LayerNorm=layers.layer_norm, GroupNorm=group_norm,
    BatchNorm=layers.batch_norm, RNN=recurrent.rnn,
    InstanceNorm=layers.instance_norm, L2Normalization=layers.l2_normalization, softmax=layers.softmax,
    log_softmax=layers.log_softmax, softmin=layers.softmin, SoftmaxActivation=softmax_activation,
    softmax_cross_entropy=softmax_cross_entropy, **sliding.ND, **losses.ND, **updates.ND)
CONTRIB.update(arange_like=layers.arange_like, index_copy=picking.index_copy, CTCLoss=losses.ctc_loss,
               ctc_loss=losses.ctc_loss, **attention.CONTRIB)
