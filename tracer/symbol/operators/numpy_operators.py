"""The operators of `mx.np` and `mx.npx`, made of the declarations of their functions."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracer.ops.declare.public import FUNCTIONS, Function

from ... import numpy, numpy_extension
from . import facts
from .numpy_adapters import ADAPTED
from .operator import Operator, Parameter
from .registry import NAMES, OPERATORS, declared_operator, written_operator

#: The functions whose operators are called _np_... in MXNet 1.9.1; others are called _npi_...
UNDERSCORED = frozenset("""
all any atleast_1d atleast_2d atleast_3d copy cumsum diag diagflat diagonal dot max min moveaxis prod reshape roll
squeeze sum trace transpose amax amin product sometrue
""".split())
#: The operators of functions of `mx.np` that are operators of `mx.nd`, too.
_SHARED = {"maximum": "broadcast_maximum", "minimum": "broadcast_minimum", "clip": "clip", "tile": "tile",
           "expand_dims": "expand_dims", "take": "take", "swapaxes": "SwapAxis", "repeat": "repeat",
           "sort": "sort", "argsort": "argsort", "inv": "_linalg_inverse", "abs": "_npi_absolute"}
#: The operators with a number that are operators of `mx.nd`, too.
_SHARED_SCALARS = {f"_npi_{n}_scalar": f"_{n}_scalar" for n in ("maximum", "minimum", "hypot")}
#: The functions of `mx.npx` that have another name in `mx.nd`.
_EXTENSION = {
    "activation": "Activation", "batch_norm": "BatchNorm", "batch_flatten": "Flatten", "cast": "Cast",
    "convolution": "Convolution", "deconvolution": "Deconvolution", "dropout": "Dropout", "embedding": "Embedding",
    "fully_connected": "FullyConnected", "layer_norm": "LayerNorm", "leaky_relu": "LeakyReLU", "pooling": "Pooling",
    "rnn": "RNN", "roi_pooling": "ROIPooling", "sequence_mask": "SequenceMask", "sequence_last": "SequenceLast",
    "sequence_reverse": "SequenceReverse", "group_norm": "GroupNorm", "instance_norm": "InstanceNorm",
    "ctc_loss": "CTCLoss", "stop_gradient": "BlockGrad", "multibox_prior": "_contrib_MultiBoxPrior",
    "multibox_target": "_contrib_MultiBoxTarget", "multibox_detection": "_contrib_MultiBoxDetection",
    "arange_like": "_contrib_arange_like", "sync_batch_norm": "_contrib_SyncBatchNorm", "pad": "Pad",
    "batch_norm_with_relu": "_contrib_BatchNormWithReLU",
    **{n: f"_contrib_{n}" for n in ("box_iou", "box_nms", "box_encode", "box_decode", "bipartite_matching",
                                    "interleaved_matmul_selfatt_qk", "interleaved_matmul_selfatt_valatt",
                                    "interleaved_matmul_encdec_qk", "interleaved_matmul_encdec_valatt")}}

_SCALARS = {"scalar": Parameter("", False, 0.0), "is_int": Parameter("", False, True)}
#: The comparisons of a number and an array: those of the array and the number.
MIRRORED = {"less": "greater", "greater": "less", "less_equal": "greater_equal", "greater_equal": "less_equal"}
#: The functions that are the same for a number on the left.
COMMUTATIVE = frozenset("""
add multiply maximum minimum equal not_equal logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor
hypot lcm gcd fmax fmin logaddexp
""".split())


def operator_name(short: str) -> str:
    """The name in JSON of the operator of `mx.np`'s function `short`, as in MXNet 1.9.1.

    >>> operator_name("sum"), operator_name("mean"), operator_name("maximum")
    ('_np_sum', '_npi_mean', 'broadcast_maximum')
    """
    return _SHARED.get(short) or f"{'_np_' if short in UNDERSCORED else '_npi_'}{short}"


def scalar_name(short: str) -> str:
    """The name of the operator of an array and a number."""
    name = f"_npi_{short}_scalar"
    return _SHARED_SCALARS.get(name, name)


def takes_two(function: Function) -> bool:
    """Whether a function has two operands, arrays or numbers, and nothing else."""
    return [p.annotation for p in function.signature.parameters.values()] == ["Operand", "Operand"]


def _entered(operator: Operator) -> None:
    OPERATORS.setdefault(operator.name, operator)


def _two(short: str, run: Callable[..., Any]) -> None:
    """The operators of a function of two operands: of two arrays, and of an array and a number on either side."""
    _entered(Operator(f"_npi_{short}", lambda lhs, rhs: run(lhs, rhs), ("lhs", "rhs"), {}, flavour="np"))
    _entered(Operator(f"_npi_{short}_scalar", lambda data, scalar=0.0, is_int=True: run(data, _number(scalar, is_int)),
                      ("data",), _SCALARS, flavour="np"))
    _entered(Operator(f"_npi_r{short}_scalar", lambda data, scalar=0.0, is_int=True: run(_number(scalar, is_int), data),
                      ("data",), _SCALARS, flavour="np"))


def _number(scalar: float, is_int: bool) -> float:
    return int(scalar) if is_int and float(scalar).is_integer() else float(scalar)


def _fill() -> None:
    for name, run in ADAPTED.items():
        _entered(written_operator(name, name, run, flavour="np"))
    for function in FUNCTIONS:
        for full in function.names:
            space, _, short = full.rpartition(".")
            module: Any = {"np": numpy, "np.linalg": numpy.linalg, "npx": numpy_extension}.get(space)
            made: Any = getattr(module, short, None)
            if made is None or short.startswith("_"):
                continue
            if space != "npx" and takes_two(function):
                _two(short, made)
            elif not function.variadic:
                for prefix in ("_npx_",) if space == "npx" else ("_npi_", "_np_"):
                    _entered(declared_operator(f"{prefix}{short}", function, made, "np"))


def _extension() -> dict[str, Operator]:
    """The operators of `mx.npx`'s functions by the functions' names."""
    names = [full[4:] for f in FUNCTIONS for full in f.names
             if full.startswith("npx.") and not full.startswith("npx._")]
    found = {}
    for short in dict.fromkeys([*names, *_EXTENSION]):
        made = OPERATORS.get(_EXTENSION.get(short, "")) or OPERATORS.get(f"_npx_{short}")
        if short in NAMES[""] and short not in ("relu", "sigmoid", "reshape"):
            made = NAMES[""][short]
        if made is not None:
            found[short] = made
    return found


_fill()
EXTENSION = _extension()
for _name, _other in {**{f"_npx_{k}": v for k, v in _EXTENSION.items()},
                      **{f"_npi_{k}": v for k, v in _SHARED.items()}, **_SHARED_SCALARS}.items():
    if _other in OPERATORS:
        facts.CANONICAL.setdefault(_name, _other)
