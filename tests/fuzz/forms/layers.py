"""Forms of `npx`'s and `nd`'s layers: activations, softmax, normalizations, images, losses."""
from __future__ import annotations

from typing import Any

from ..draws import Program, Refused
from .common import Form, bare, call, clipped, floats, full, new, wanted, words


def activation(p: Program, name: str) -> str:
    v = floats(p, "elementwise")
    kinds = ["relu", "sigmoid", "tanh", "softrelu", "softsign"]
    if name.startswith("npx."):
        kinds += ["log_sigmoid", "mish"]
    return f"{name}({words(clipped(p, v, -6, 6), act_type=p.d.pick(kinds))})"


def leaky(p: Program, name: str) -> str:
    v = floats(p, "elementwise")
    kind = p.d.pick(["leaky", "elu", "selu", "gelu", "prelu"])
    x = clipped(p, v, -6, 6)
    if kind == "prelu":
        if v.ndim < 2:
            raise Refused("rank")
        return f"{name}({words(x, new(p, (v.shape[1],), v.dtype), act_type=kind)})"
    return f"{name}({words(x, act_type=kind, **({'slope': 0.5} if kind in ('leaky', 'elu') else {}))})"


def softmax(p: Program, name: str) -> str:
    v = floats(p, "reduction", 1)
    x = clipped(p, v, -6, 6)
    if bare(name) in ("masked_softmax", "masked_log_softmax"):
        mask = wanted(p, "index", lambda w: w.dtype.kind == "b" and w.shape == v.shape, v.shape, "bool")
        return f"{name}({words(x, mask.name, axis=p.axis(v.ndim))})"
    if bare(name) == "SoftmaxActivation":
        return f"{name}({words(x, mode='channel' if v.ndim > 2 and p.d.flag(50) else 'instance')})"
    keywords: dict[str, Any] = {"axis": p.axis(v.ndim)}
    if p.d.flag(20):
        keywords["temperature"] = 2.0
    return call(p, name, x, **keywords)


def softmax_lengths(p: Program, name: str) -> str:
    v = floats(p, "reduction", 2, 2)
    lengths = [p.d.integer(1, v.shape[1]) for _ in range(v.shape[0])]
    if len(lengths) > 8:
        raise Refused("long")
    array = f"{p.flavour}.array({lengths}, dtype='int32')"
    return f"{name}({clipped(p, v, -6, 6)}, length={array}, use_length=True, axis=1)"


def normalization(p: Program, name: str) -> str:
    function = bare(name).lower().replace("_", "")
    rank = {"layernorm": 1, "groupnorm": 3, "instancenorm": 3, "l2normalization": 2}[function]
    v = floats(p, "reduction", rank, 4)
    if function == "l2normalization":
        return f"{name}({words(v.name, mode=p.d.pick(['instance', 'channel', 'spatial'][:2 if v.ndim < 3 else 3]))})"
    axis = p.axis(v.ndim) if function == "layernorm" else 1
    gamma, beta = (new(p, (v.shape[axis],), v.dtype) for _ in range(2))
    keywords: dict[str, Any] = {"axis": axis} if function == "layernorm" else {}
    if function == "groupnorm":
        keywords["num_groups"] = p.d.pick([k for k in (1, 2, 4) if v.shape[1] % k == 0])
    return f"{name}({words(v.name, gamma, beta, eps=0.5, **keywords)})"


def batch_norm(p: Program, name: str) -> str:
    v = floats(p, "reduction", 2, 4)
    axis = p.axis(v.ndim) if p.d.flag(40) else 1
    shape, dtype = (v.shape[axis],), v.dtype.name
    gamma, beta = new(p, shape, v.dtype), new(p, shape, v.dtype)
    states = [p.assign(f"{p.flavour}.{which}({shape}, dtype={dtype!r})", "state") for which in ("zeros", "ones")]
    use = {"use_global_stats": True} if p.d.flag(20) else {}
    names = [v.name, gamma, beta, *(s.name for s in states)]
    return f"{name}({words(*names, eps=0.5, fix_gamma=False, axis=axis, **use)})"


def ctc(p: Program, name: str) -> str:
    v = wanted(p, "reduction", lambda v: v.is_float and v.dtype != "float16" and v.ndim == 3 and v.shape[2] > 1
               and 2 <= v.shape[0] < 9 and v.shape[1] < 4 and v.shape[2] < 9 and v.array.size > 0, (4, 2, 3))
    length = p.d.integer(1, v.shape[0] // 2)
    label = [[p.d.integer(1, v.shape[2] - 1) for _ in range(length)] for _ in range(v.shape[1])]
    return f"{name}({clipped(p, v, -6, 6)}, {p.flavour}.array({label}, dtype='float32'))"


def dense(p: Program, name: str) -> str:
    v = floats(p, "product", 2, 3)
    flatten = v.ndim == 2 or p.d.flag(50)
    width = v.array.size // v.shape[0] if flatten else v.shape[-1]
    hidden: Any = p.d.pick([3, 1, 2, 5, 8])
    fits = [w for w in p.vars if w.dtype == v.dtype and w.ndim == 2 and w.shape[1] == width and w.shape[0] < 65]
    if fits and p.d.flag(60):
        w = p.operand("product", lambda w: w in fits)
        weight, hidden = w.name, f"{w.name}.shape[0]"
        biased: Any = w.shape[0]
    else:
        weight, biased = new(p, (hidden, width), v.dtype), hidden
    if p.d.flag(40):
        return f"{name}({v.name}, {weight}, num_hidden={hidden}, no_bias=True, flatten={flatten})"
    return f"{name}({v.name}, {weight}, {new(p, (biased,), v.dtype)}, num_hidden={hidden}, flatten={flatten})"


def recurrent(p: Program, name: str) -> str:
    v = wanted(p, "product", lambda v: v.is_float and v.ndim == 3 and 0 < v.array.size < 200 and v.shape[0] < 7,
               (3, 2, 4))
    mode, layers, both = p.d.pick(["rnn_tanh", "lstm", "gru", "rnn_relu"]), p.d.pick([1, 2]), p.d.flag(40)
    batch, hidden, rows = v.shape[1], p.d.pick([3, 2, 1]), layers * (1 + both)
    gates, project = {"lstm": 4, "gru": 3}.get(mode, 1) * hidden, mode == "lstm" and p.d.flag(40)
    out = 2 if project else hidden
    width = v.shape[2] + (layers - 1) * (1 + both) * out
    count = (1 + both) * (gates * (width + layers * (out + 2)) + layers * project * out * hidden)
    shapes = [(count,), (rows, batch, out), *([(rows, batch, hidden)] if mode == "lstm" else [])]
    given = [f"{new(p, shape, v.dtype)} / 8" for shape in shapes]
    keywords: dict[str, Any] = {"state_size": hidden, "num_layers": layers, "bidirectional": both, "mode": mode}
    if project:
        keywords["projection_size"] = out
    arguments = words(clipped(p, v, -4, 4), *given, **keywords)
    if p.d.flag(30):
        lengths = [p.d.integer(1, v.shape[0]) for _ in range(batch)]
        arguments += f", use_sequence_length=True, sequence_length={p.flavour}.array({lengths}, dtype='int32')"
    return f"{name}({arguments})"


def arange_like(p: Program, name: str) -> str:
    v = floats(p, "shape", 1)
    keywords = {"axis": p.axis(v.ndim)} if p.d.flag(50) else {}
    return f"{name}({words(v.name, **keywords)})"


def norm(p: Program, name: str) -> str:
    v = floats(p, "reduction", 1)
    return f"{name}({words(v.name, ord=p.d.pick([2, 1]), axis=p.axis(v.ndim), keepdims=p.d.flag(30))})"


# ---- images --------------------------------------------------------------------------------------

def _geometry(p: Program, size: tuple[int, ...], dilate: bool = True) -> dict[str, Any]:
    kernel = tuple(p.d.integer(1, min(n, 3)) for n in size)
    keywords: dict[str, Any] = {"kernel": kernel}
    if p.d.flag(50):
        keywords["stride"] = tuple(p.d.integer(1, 2) for _ in size)
    if p.d.flag(40):
        keywords["pad"] = tuple(p.d.integer(0, k - 1) for k in kernel)
    return keywords


def image(p: Program, name: str) -> str:
    """Functions over windows of (batch, channels, …) arrays."""
    function = bare(name)
    v = wanted(p, "product", lambda v: v.is_float and 3 <= v.ndim <= 4 and 0 < v.array.size <= 600
               and max(v.shape) < 20, p.d.pick([(2, 2, 5, 4), (1, 2, 7), (2, 1, 3, 3), ("n", 2, 4)]))
    keywords = _geometry(p, v.shape[2:])
    if function.lower() == "pooling":
        keywords["pool_type"] = p.d.pick(["max", "avg", "sum"])
        if p.d.flag(20):
            keywords = {k: keywords[k] for k in ("kernel", "pool_type")}
            return f"{name}({words(v.name, global_pool=True, **keywords)})"
        if p.d.flag(30) and keywords["pool_type"] == "max":
            keywords["pooling_convention"] = "full"
        if p.d.flag(30) and keywords["pool_type"] == "avg":
            keywords["count_include_pad"] = False
        return f"{name}({words(v.name, **keywords)})"
    if function == "im2col":
        return f"{name}({words(v.name, **keywords)})"
    if function == "col2im":
        columns = f"nd.im2col({words(v.name, **keywords)})"
        return f"{name}({words(columns, output_size=v.shape[2:], **keywords)})"
    filters = p.d.pick([2, 1, 3])
    group = p.d.pick([k for k in (1, v.shape[1]) if filters % k == 0])
    shape = (filters, v.shape[1] // group) if "onv" in function and not function.lower().startswith("de") else (
        v.shape[1], filters // group)
    weight = new(p, (*shape, *keywords["kernel"]), v.dtype)
    keywords.update(num_filter=filters)
    if group > 1:
        keywords["num_group"] = group
    if p.d.flag(50):
        return f"{name}({words(v.name, weight, no_bias=True, **keywords)})"
    return f"{name}({words(v.name, weight, new(p, (filters,), v.dtype), no_bias=False, **keywords)})"


def picture(p: Program, name: str) -> str:
    """Functions of 4-d data."""
    function = bare(name)
    v = wanted(p, "view", lambda v: v.is_float and v.ndim == 4 and v.array.size > 0, (1, 4, 2, 4))
    if function == "UpSampling":
        return f"{name}({v.name}, scale=2, sample_type='nearest')"
    if function == "Crop":
        h, w = (p.d.integer(1, n) for n in v.shape[2:])
        return f"{name}({words(v.name, offset=(v.shape[2] - h, 0), h_w=(h, w))})"
    if function == "LRN":
        return f"{name}({words(v.name, alpha=0.5, beta=0.75, knorm=2, nsize=3)})"
    return call(p, name, v.name, 2)


def another_size(p: Program, name: str) -> str:
    """Images (batch, channels, height, width) in another size."""
    v = wanted(p, "view", lambda v: v.is_float and v.ndim == 4 and v.array.size > 0, (1, 2, 3, 4))
    height, width = p.d.integer(1, 6), p.d.integer(1, 6)
    if bare(name) == "AdaptiveAvgPooling2D":
        return f"{name}({words(v.name, output_size=(height, width))})"
    return f"{name}({words(v.name, height=height, width=width, align_corners=p.d.flag(50))})"


def attention(p: Program, name: str) -> str:
    """Scores and values of attention with one or two heads over interleaved projections."""
    parts, heads = 3 if "selfatt" in name else 2, p.d.pick([1, 2])
    v = wanted(p, "product", lambda v: v.is_float and v.ndim == 3 and v.array.size > 0
               and v.shape[2] % (parts * heads) == 0, (3, 2, 2 * parts * heads))
    length, batch, width = v.shape
    if name.endswith("valatt"):
        queries = length if parts == 3 else p.d.integer(1, 4)
        return f"{name}({words(v.name, new(p, (batch * heads, queries, length), v.dtype), heads=heads)})"
    if parts == 3:
        return f"{name}({words(v.name, heads=heads)})"
    return f"{name}({words(new(p, (p.d.integer(1, 4), batch, width // 2), v.dtype), v.name, heads=heads)})"


def scaled(p: Program, name: str) -> str:
    return f"{name}({floats(p, 'elementwise', 1).name})"


_ATTENTION = ("interleaved_matmul_selfatt_qk interleaved_matmul_selfatt_valatt interleaved_matmul_encdec_qk "
              "interleaved_matmul_encdec_valatt")


# ---- losses --------------------------------------------------------------------------------------

def loss(p: Program, name: str) -> str:
    function = bare(name)
    v = floats(p, "reduction", 2, 2)
    if v.shape[0] > 20:
        raise Refused("long")
    if function in ("SoftmaxOutput", "Softmax", "softmax_cross_entropy"):
        dtype = str(v.dtype)
        outside = p.d.flag(10)
        labels = [p.d.integer(-outside, v.shape[1] - 1 + outside) for _ in range(v.shape[0])]
        label = f"nd.array({labels}, dtype={dtype!r})"
        extra = {"normalization": p.d.pick(["null", "batch", "valid"])} if function != "softmax_cross_entropy" else {}
        return f"{name}({words(clipped(p, v, -6, 6), label, **extra)})"
    w = p.operand("reduction", lambda w: w.shape == v.shape and w.dtype == v.dtype and not w.tracked)
    return f"{name}({clipped(p, v, -6, 6)}, {w.name})"


KINDS: dict[str, list[tuple[int, Form, list[str]]]] = {
    "np": [(2, activation, ["npx.activation"]), (1, leaky, ["npx.leaky_relu"]),
           (3, softmax, full("npx", "softmax log_softmax masked_softmax masked_log_softmax")),
           (1, softmax_lengths, full("npx", "softmax log_softmax")),
           (2, normalization, full("npx", "layer_norm group_norm instance_norm l2_normalization")),
           (2, batch_norm, ["npx.batch_norm"]), (1, ctc, ["npx.ctc_loss"]), (3, dense, ["npx.fully_connected"]),
           (1, recurrent, ["npx.rnn"]),
           (1, arange_like, ["npx.arange_like"]), (1, norm, ["npx.norm"]),
           (2, image, full("npx", "convolution deconvolution pooling")), (2, attention, full("npx", _ATTENTION))],
    "nd": [(2, activation, ["nd.Activation"]), (1, leaky, ["nd.LeakyReLU"]),
           (3, softmax, full("nd", "softmax log_softmax softmin SoftmaxActivation")),
           (1, softmax_lengths, ["nd.softmax"]),
           (2, normalization, full("nd", "LayerNorm GroupNorm InstanceNorm L2Normalization")),
           (2, batch_norm, ["nd.BatchNorm"]), (1, ctc, full("nd", "CTCLoss ctc_loss contrib.CTCLoss contrib.ctc_loss")),
           (3, dense, ["nd.FullyConnected"]), (1, recurrent, ["nd.RNN"]), (1, arange_like, ["nd.contrib.arange_like"]),
           (2, image, full("nd", "Convolution Deconvolution Pooling im2col col2im")),
           (2, attention, full("nd.contrib", _ATTENTION)), (1, scaled, ["nd.contrib.div_sqrt_dim"]),
           (2, another_size, full("nd.contrib", "AdaptiveAvgPooling2D BilinearResize2D")),
           (1, picture, full("nd", "UpSampling Crop LRN depth_to_space space_to_depth")),
           (2, loss, full("nd", "SoftmaxOutput Softmax softmax_cross_entropy LinearRegressionOutput "
                                "MAERegressionOutput LogisticRegressionOutput"))]}
