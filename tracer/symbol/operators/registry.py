"""The table of operators: made of the declarations of `mx.nd`'s functions and of those written by hand."""
from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tracer.ops.declare.public import FUNCTIONS, REQUIRED, Function

from ... import ndarray as nd
from ...base import MXNetError
from . import facts, further
from .custom import CUSTOM
from .operator import Operator, Parameter

#: The namespaces of `mx.nd` with operators, and the prefixes of their names among all operators.
_SPACES = {"": "", "contrib": "_contrib_", "linalg": "_linalg_", "image": "_image_", "_internal": ""}
#: Functions of `mx.nd` that are no operators.
_PYTHON = frozenset((
    "add", "subtract", "multiply", "divide", "true_divide", "modulo", "maximum", "minimum", "equal", "not_equal",
    "lesser", "lesser_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor", "power", "pow",
    "moveaxis", "split_v2", "elemwise_sum", "_concatenate", "onehot_encode", "histogram",
    "foreach", "while_loop", "cond"))
#: The inputs of the functions that are written by hand; others have those whose annotation names NDArray.
_INPUTS = {"LeakyReLU": ("data", "gamma"), "sample_uniform": ("low", "high"), "sample_normal": ("mu", "sigma"),
           "sample_gamma": ("alpha", "beta"), "sample_poisson": ("lam",), "sample_exponential": ("lam",),
           "sample_negative_binomial": ("k", "p"), "sample_generalized_negative_binomial": ("mu", "alpha"),
           "BatchNormWithReLU": ("data", "gamma", "beta", "moving_mean", "moving_var"),
           "SyncBatchNorm": ("data", "gamma", "beta", "moving_mean", "moving_var")}
#: Parameters of functions that operators lack.
_OMITTED = frozenset(("out", "name", "ctx", "kwargs", "data_"))
_KINDS = {int: "int", float: "float", bool: "bool", str: "str"}


def _parameter(name: str, p: inspect.Parameter, operator: str) -> Parameter:
    required = p.default is p.empty or p.default is REQUIRED
    kind = facts.REQUIRED.get(operator, {}).get(name)
    if kind is not None:
        return Parameter(kind, True, None)
    return Parameter("" if required or name in facts.ANY_KIND else _KINDS.get(type(p.default), ""), required,
                     None if required else p.default)


def _is_array(p: inspect.Parameter, function: Function) -> bool:
    if p.name not in function.arrays or p.annotation in ("Number", "Numbers"):
        return False
    return function.name != "nd.clip" or p.name == "data"


def _elementwise(name: str, function: Function) -> bool:
    """Whether inputs and outputs have one shape: functions of one operand alone, and operators without broadcasting."""
    kinds = [p.annotation for p in function.signature.parameters.values()]
    operators = name.startswith("elemwise_") or any(n.startswith("nd._internal.") for n in function.names)
    return operators or kinds == ["Operand"]


def declared_operator(name: str, function: Function, run: Callable[..., Any], flavour: str = "nd") -> Operator:
    """The operator of a declared function."""
    kinds = function.signature.parameters.values()
    arrays = [p.name for p in kinds if _is_array(p, function)]
    rest = {p.name: _parameter(p.name, p, name) for p in kinds if p.name not in arrays and p.name not in _OMITTED}
    return Operator(name, run, tuple(arrays), rest, function.variadic, shapes=function.shapes,
                    flavour=flavour, elementwise=_elementwise(name, function))


def written_operator(name: str, short: str, run: Callable[..., Any], flavour: str = "nd") -> Operator:
    """The operator of a function written by hand."""
    kinds = inspect.signature(run).parameters
    star = any(p.kind is p.VAR_POSITIONAL for p in kinds.values())
    named = [p for p, k in kinds.items() if "ndarray" in str(k.annotation).lower() and p not in _OMITTED]
    arrays = _INPUTS.get(short) or tuple(named or (["data"] if "data" in kinds else []))
    rest = {p: _parameter(p, k, name) for p, k in kinds.items()
            if p not in arrays and p not in _OMITTED and k.kind in (k.POSITIONAL_OR_KEYWORD, k.KEYWORD_ONLY)}
    shapes = next((f.shapes for f in FUNCTIONS if f.name == _RULES.get(short)), None)
    return Operator(name, run, arrays, rest, star, shapes=shapes, flavour=flavour)


#: The declared functions whose rules of shapes functions written by hand share.
_RULES = {"LeakyReLU": "npx.leaky_relu", "BatchNorm": "npx._batch_norm", "BatchNormWithReLU": "npx._batch_norm",
          "SyncBatchNorm": "npx._batch_norm"}


def _functions() -> Iterator[tuple[str, str, Any]]:
    """The namespace, the name and the function of each operator in `mx.nd`."""
    for name, run in further.OPERATORS.items():
        yield "_internal", name, run
    for space in _SPACES:
        module = nd.op if not space else getattr(nd, space)
        for name, run in vars(module).items():
            private = not space and name.startswith("_")
            if inspect.isfunction(run) and not private and name not in _PYTHON:
                yield space, name, run


#: All operators by their names in JSON.
OPERATORS: dict[str, Operator] = {}
#: All names of functions of symbols, by namespace, with their operators.
NAMES: dict[str, dict[str, Operator]] = {space: {} for space in _SPACES}


def _fill() -> None:
    declared = {full[3:]: f for f in FUNCTIONS for full in f.names if full.startswith("nd.")}
    for space, short, run in _functions():
        full = _SPACES[space] + short
        name = facts.canonical(full)
        if name == "Custom":
            OPERATORS[name] = CUSTOM
        if name not in OPERATORS:
            function = declared.get(f"{space}.{short}" if space else short)
            made = written_operator(name, short, run) if function is None else declared_operator(name, function, run)
            OPERATORS[name] = made
        NAMES[space][short] = OPERATORS[name]
    for other, name in facts.CANONICAL.items():
        if name in OPERATORS and other.startswith("_") and not other.startswith("_contrib_"):
            NAMES["_internal"].setdefault(other, OPERATORS[name])
        elif name in OPERATORS and not other.startswith("_"):
            NAMES[""].setdefault(other, OPERATORS[name])
    for name, made in OPERATORS.items():
        if name.startswith("_") and not name.startswith(("_contrib_", "_linalg_", "_image_")):
            NAMES["_internal"].setdefault(name, made)


_fill()
for _old in facts.FIRST_VERSIONS:
    OPERATORS[f"{_old}_v1"] = NAMES[""][f"{_old}_v1"] = replace(OPERATORS[_old], name=f"{_old}_v1")
for _kind in ("_foreach", "_while_loop", "_cond"):
    OPERATORS[_kind] = Operator(_kind, further.control_flow, ("data",), {
        key: Parameter("", False, None) for key in facts.CONTROL_FLOW}, star=True)


def operator_of(name: str, node: str = "") -> Operator:
    """The operator called `name` in JSON. MXNetError for an unknown one, with the node's name."""
    found = OPERATORS.get(name) or OPERATORS.get(facts.canonical(name))
    if found is None:
        raise MXNetError(f"Failed loading Op {node} of type {name}: Operator {name} is not registered")
    return found
