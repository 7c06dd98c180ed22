"""Forms of the elementwise functions and operators of `np` and `nd`."""
from __future__ import annotations

from ..draws import Program, Refused, Var
from .common import SHORT, Form, bare, call, clipped, full, in_domain, partner, scalar

UNARY = ("exp expm1 log log1p log2 log10 sqrt cbrt sin cos tanh tan sinh cosh arcsin asin arccos acos arctan "
         "atan arcsinh asinh arccosh acosh arctanh atanh degrees rad2deg radians deg2rad floor ceil rint trunc "
         "fix abs absolute fabs sign square reciprocal negative positive isnan isinf isfinite isposinf isneginf "
         "logical_not around round round_ nan_to_num")
ND_UNARY = ("exp expm1 log log1p log2 log10 sqrt cbrt rsqrt rcbrt sin cos tanh tan sinh cosh arcsin arccos "
            "arctan arcsinh arccosh arctanh degrees radians floor ceil rint trunc fix round abs sign square "
            "reciprocal negative relu sigmoid softsign erf erfinv gamma gammaln digamma logical_not identity "
            "BlockGrad stop_gradient hard_sigmoid smooth_l1 make_loss MakeLoss contrib.isnan contrib.isinf "
            "contrib.isfinite")
NPX_UNARY = ("relu sigmoid softsign erf erfinv gamma gammaln digamma gelu smooth_l1 round_ste sign_ste "
             "stop_gradient")
SIGNS = {"negative": "-", "positive": "+"}


def unary(p: Program, name: str) -> str:
    floats_only = p.flavour == "nd" or name.startswith("npx.")
    v = p.operand("elementwise", lambda v: v.is_float if floats_only else v.dtype.kind != "b")
    if bare(name) in SIGNS and p.d.flag(40):
        return f"{SIGNS[bare(name)]}{v.name}"
    if bare(name) in ("abs", "round") and p.flavour == "np" and p.d.flag(40):
        return f"{bare(name)}({v.name})"
    return call(p, name, in_domain(p, v, bare(name)))


def invert(p: Program, name: str) -> str:
    v = p.operand("elementwise", lambda v: not v.is_float)
    return f"~{v.name}" if p.d.flag(50) else f"{name}({v.name})"


SYMBOLS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "true_divide": "/", "power": "**",
           "floor_divide": "//", "mod": "%", "modulo": "%", "less": "<", "greater": ">", "equal": "==",
           "less_equal": "<=", "lesser": "<", "lesser_equal": "<=", "not_equal": "!=", "greater_equal": ">=",
           "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^", "left_shift": "<<", "right_shift": ">>",
           "bitwise_left_shift": "<<", "bitwise_right_shift": ">>"}
SHIFTS = frozenset("left_shift right_shift bitwise_left_shift bitwise_right_shift".split())
SAME = frozenset("maximum minimum fmax fmin arctan2 hypot copysign logaddexp ldexp lcm gcd".split())
INTEGERS = frozenset("bitwise_and bitwise_or bitwise_xor lcm gcd".split()) | SHIFTS
FLOATS = frozenset("arctan2 hypot copysign logaddexp ldexp heaviside float_power".split())
DIVISIONS = frozenset("divide true_divide floor_divide mod modulo remainder fmod div divmod".split())
POWERS = frozenset(("power", "pow", "float_power"))
BINARY = ("add subtract multiply divide true_divide floor_divide mod remainder fmod power pow float_power less "
          "greater equal less_equal not_equal greater_equal logical_and logical_or logical_xor maximum minimum fmax "
          "fmin arctan2 atan2 hypot copysign logaddexp ldexp lcm gcd heaviside bitwise_and bitwise_or bitwise_xor "
          "divmod left_shift right_shift bitwise_left_shift bitwise_right_shift")
COMPARISONS = ("equal not_equal lesser lesser_equal greater greater_equal logical_and logical_or logical_xor maximum "
               "minimum")
BROADCAST = f"{COMPARISONS} add sub mul div mod power hypot plus minus"
ND_BINARY = f"{COMPARISONS} add subtract multiply divide true_divide modulo power pow"
ELEMWISE = "elemwise_add elemwise_sub elemwise_mul elemwise_div"


def _nonzero(p: Program, y: str) -> str:
    """A divisor away from zero."""
    if p.flavour == "np":
        return f"np.where(np.abs({y}) < 1, 1, {y})"
    return f"({y} * {y} + 1)"


def binary(p: Program, name: str) -> str:
    function = SHORT.get(bare(name), bare(name)).removeprefix("broadcast_")
    logical = function.startswith(("logical", "bitwise")) and function not in SHIFTS

    def fits(v: Var) -> bool:
        if v.dtype.kind == "b":
            return logical and p.flavour == "np"
        return not v.is_float if function in INTEGERS else v.is_float if function in FLOATS else True

    v = p.operand("elementwise", fits)
    x = v.name
    if p.d.flag(30) and function not in INTEGERS and v.dtype.kind != "b" and name != "np.divmod":
        return _beside_number(p, name, function, v)
    w = partner(p, v, "elementwise", p.flavour == "nd" or function in SAME)
    if w.dtype.kind == "b" and not logical or function in FLOATS and not w.is_float or function in INTEGERS and (
            w.is_float or (w.dtype.kind == "b") != (v.dtype.kind == "b")):
        raise Refused("dtype")
    y = w.name
    if function in POWERS:
        x, y = in_domain(p, v, "log"), clipped(p, w, -2 if w.is_float else 0, 2)
    elif function in DIVISIONS:
        y = _nonzero(p, y)
    elif function == "ldexp":
        y = clipped(p, w, -2, 2)
    elif function in SHIFTS:
        y = clipped(p, w, 0, 3)
    return _written(p, name, function, x, y)


def _beside_number(p: Program, name: str, function: str, v: Var) -> str:
    x, y = v.name, scalar(p, v)
    if function in POWERS:
        y = p.d.pick(["2", "3", "1", "0.5", "-1", "-2", "1.5"] if v.is_float else ["2", "3", "1"])
        if y not in ("2", "3", "1"):
            x = in_domain(p, v, "log")
    elif p.d.flag(30) and function not in DIVISIONS and function != "ldexp":
        x, y = y, x
    return _written(p, name, function, x, y)


def _written(p: Program, name: str, function: str, x: str, y: str) -> str:
    if function == "divmod" and p.d.flag(50):
        return f"divmod({x}, {y})"
    if function in SYMBOLS and not name.startswith("nd.broadcast") and p.d.flag(60):
        return f"{x} {SYMBOLS[function]} {y}"
    return f"{name}({x}, {y})"


def elemwise(p: Program, name: str) -> str:
    v = p.operand("elementwise")
    w = p.operand("elementwise", lambda w: w.shape == v.shape and w.dtype == v.dtype)
    return f"{name}({v.name}, {_nonzero(p, w.name) if name.endswith('div') else w.name})"


def where(p: Program, name: str) -> str:
    if p.flavour == "nd":
        v = p.operand("elementwise")
        w = p.operand("elementwise", lambda w: w.shape == v.shape and w.dtype == v.dtype)
        c = p.operand("elementwise", lambda c: c.shape == v.shape or c.shape == v.shape[:1])
        return f"nd.where({c.name}, {v.name}, {w.name})"
    condition = p.operand("elementwise", lambda v: v.dtype.kind in "bi")
    v = p.operand("elementwise", lambda v: v.dtype.kind != "b")
    pair = [v.name, scalar(p, v) if p.d.flag(30) else partner(p, v, "elementwise", True).name]
    return f"np.where({condition.name}, {', '.join(pair[::-1] if p.d.flag(50) else pair)})"


def clip(p: Program, name: str) -> str:
    v = p.operand("elementwise", lambda v: v.dtype.kind in "fi")
    low, high = p.d.pick([("-0.5", "0.75"), ("None", "1"), ("0", "None"), ("-1", "1")])
    if p.flavour == "nd":
        low, high = low.replace("None", "-1"), high.replace("None", "1")
    if not v.is_float:
        low, high = low.replace("-0.5", "-1"), high.replace("0.75", "2")
    return call(p, name, v.name, low, high)


def astype(p: Program, name: str) -> str:
    v = p.operand("elementwise")
    dtype = p.d.pick(["float32", "float64", "float16", "int32", "int64", "int8", "uint8", "bool"])
    if dtype == "bool" and p.flavour == "nd":
        dtype = "float32"
    return f"{v.name}.astype({dtype!r})" if bare(name) == "astype" else f"{name}({v.name}, dtype={dtype!r})"


def copies(p: Program, name: str) -> str:
    return f"{p.operand('elementwise').name}.copy()"


def likes(p: Program, name: str) -> str:
    v = p.operand("elementwise")
    return f"np.full_like({v.name}, 2)" if name == "np.full_like" else call(p, name, v.name)


def sums(p: Program, name: str) -> str:
    """add_n, of two or three arrays."""
    v = p.operand("elementwise", lambda v: v.is_float)
    others = [p.operand("elementwise", lambda w: w.shape == v.shape and w.dtype == v.dtype).name
              for _ in range(p.d.integer(1, 2))]
    inside = ", ".join([v.name, *others])
    return f"{name}([{inside}])" if name.startswith("npx.") else f"{name}({inside})"


KINDS: dict[str, list[tuple[int, Form, list[str]]]] = {
    "np": [(10, unary, full("np", UNARY)), (2, unary, full("npx", NPX_UNARY)),
           (1, invert, full("np", "invert bitwise_not bitwise_invert")), (14, binary, full("np", BINARY)),
           (3, where, ["np.where"]), (2, clip, ["np.clip"]), (3, astype, ["np.ndarray.astype", "npx.cast"]),
           (1, copies, ["np.ndarray.copy"]), (1, likes, full("np", "full_like zeros_like ones_like")),
           (1, sums, ["npx.add_n"])],
    "nd": [(11, unary, full("nd", ND_UNARY)), (7, binary, full("nd", ND_BINARY)),
           (7, binary, [f"nd.broadcast_{name}" for name in BROADCAST.split()]), (3, elemwise, full("nd", ELEMWISE)),
           (3, where, ["nd.where"]), (2, clip, ["nd.clip"]), (3, astype, ["nd.NDArray.astype", "nd.cast", "nd.Cast"]),
           (1, copies, ["nd.NDArray.copy"]), (1, likes, full("nd", "zeros_like ones_like")),
           (1, sums, full("nd", "add_n ElementWiseSum elemwise_sum"))]}
