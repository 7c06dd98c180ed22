"""The namespaces and methods, generated from the declarations of public functions in ops/."""
from __future__ import annotations

import builtins
import inspect
import types
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tracer import ops
from tracer.ops.arithmetic import cast
from tracer.ops.devices import place
from tracer.ops.errors import MXNetError
from tracer.ops.public import FUNCTIONS, Function

from .record import Handle, invoke, pending
from .tape import node_of
from .trace import Value, current

ops.load()


def assign(out: Any, result: Any) -> Any:
    """Write `result` into the array `out` that a caller gave, in `out`'s dtype; returns `out`."""
    if isinstance(out, (list, tuple)) and isinstance(result, (list, tuple)):
        for o, r in zip(out, result, strict=True):
            assign(o, r)
        return out
    if not isinstance(out, Handle):
        raise no_array(out)
    write(out, result)
    return out


def no_array(out: Any) -> TypeError:
    """The error for an `out` that is none."""
    return TypeError(f"out must be an array, got {type(out).__name__}")


def write(out: Any, result: Any) -> None:
    """Make the array `out` a name for the elements of `result`, in `out`'s dtype."""
    value = result._value
    if value.aval is not out._value.aval:
        value = _fitted(out, value)
    out._check_writable()
    out._rebind(value)


def _fitted(out: Any, value: Value) -> Value:
    if value.aval.shape != out._value.aval.shape:
        raise MXNetError(f"out has shape {out.shape}, the result {value.aval.shape}")
    of = out._value.aval
    return pending(place(cast(node_of(value), of.dtype), of.device), value.recorded and current().trace.recording)


def _gather(arrays: tuple) -> tuple:
    """The arrays given one by one, or as one list."""
    if len(arrays) == 1 and isinstance(arrays[0], (list, tuple)):
        return tuple(arrays[0])
    return arrays


def _refuse(name: str, unknown: dict[str, Any]) -> None:
    """MXNetError for keywords that a function of `mx.nd` does not have; `name` and `attr` are for symbols."""
    wrong = [k for k in unknown if k not in ("name", "attr")]
    if wrong:
        raise MXNetError(f"Cannot find argument {wrong[0]!r}, in operator {name}")


@cache
def _code(text: str) -> types.CodeType:
    """The compiled text: many functions have the same one but for names, and compiling is most of an import."""
    return compile(text, "<generated>", "exec").co_consts[0]


def wrapper(function: Function, name: str, cls: type, method: bool, check: Callable[..., None] | None = None) -> Any:
    """The Python function that records `function` under `name`, with its declared signature.

    check: called with the operands of a method before, if the second is neither a number nor a `cls`.

    In the text parameters are called p0, p1, ...; they get their names, and the function its own, afterwards.
    """
    parameters = list(function.signature.parameters.values())
    local = {p.name: f"p{i}" for i, p in enumerate(parameters)}
    parts, defaults, by_keyword = [], [], {}
    starred = False
    for i, p in enumerate(parameters):
        if p.kind is p.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        if function.star and not i:
            parts.append("*" + local[p.name])
            starred = True
        elif p.default is inspect.Parameter.empty:
            parts.append(local[p.name])
        else:
            parts.append(local[p.name])
            if starred:
                by_keyword[p.name] = p.default
            else:
                defaults.append(p.default)
    out = local.get("out")
    if out is None and not method:
        parts.append("out")
        out = "out"
        if starred:
            by_keyword["out"] = None
        else:
            defaults.append(None)
    legacy = function.name.startswith("nd.") and not method
    if legacy:
        parts.append("**_unknown")
    names = [local[a] for a in function.arrays]
    statics = "(" + "".join(f"{local[s]}, " for s in function.statics) + ")"
    arrays = f"_gather({names[0]})" if function.star else \
        f"tuple({names[0]})" if function.variadic else "(" + "".join(f"{a}, " for a in names) + ")"
    call = f"_invoke(_function, _cls, {arrays}, {statics})"
    body = f"    return {call}\n"
    if out is not None:
        body = f"    if {out} is not None:\n        return _assign({out}, {call})\n{body}"
    if legacy:
        body = f"    if _unknown:\n        _refuse(_name, _unknown)\n{body}"
    if check is not None:
        body = f"    k = type({names[1]})\n    if k is not _cls and k is not float and k is not int:\n" \
               f"        _check({names[0]}, {names[1]})\n{body}"
    plain = None if method else _of_numbers(function)
    if plain is not None:
        body = f"    if type({names[0]}) is not _cls and {' and '.join(f'type({a}) in _NUMBERS' for a in names)}:\n" \
               f"        return _plain({', '.join(names)})\n{body}"
    code = _code(f"def made({', '.join(parts)}):\n{body}")
    back = {short: full for full, short in local.items()}
    code = code.replace(co_name=name, co_filename=f"<generated {function.name}>",
                        co_varnames=tuple([back.get(v, v) for v in code.co_varnames]))
    space = {"_function": function, "_cls": cls, "_name": name, "_plain": plain, "_check": check, "__name__": "tracer",
             "__package__": "tracer", "__builtins__": SPACE}
    made: Any = types.FunctionType(code, space, name, tuple(defaults))
    made.__kwdefaults__ = by_keyword or None
    made.__doc__ = inspect.getdoc(function.build)
    made.__qualname__ = f"{cls.__name__}.{name}" if method else name
    return made


#: What the generated functions refer to, shared by all: their builtins.
SPACE: dict[str, Any] = {
    **vars(builtins), "_invoke": invoke, "_assign": assign, "_gather": _gather, "_refuse": _refuse,
    "_NUMBERS": frozenset((float, int, bool))}


def _of_numbers(function: Function) -> Any:
    """NumPy's function for one of `mx.np` that takes only operands: applied to numbers it gives a number."""
    first = function.names[0]
    operands = all(p.annotation == "Operand" for p in function.signature.parameters.values())
    return getattr(np, first[3:], None) if first.startswith("np.") and first.count(".") == 1 and operands else None


def functions_of(prefix: str, cls: type) -> dict[str, Any]:
    """The functions declared directly under `prefix`, such as "np" or "np.linalg", that make arrays of `cls`."""
    return {name: wrapper(f, name, cls, False) for f, name in _declared(prefix)}


#: What the generated methods of each class record.
METHODS: dict[tuple[type, str], Function] = {}


def add_methods(cls: type, prefix: str) -> None:
    """Give `cls` the methods and operators declared under `prefix`, such as "np.ndarray"."""
    for function, name in _declared(prefix):
        made = wrapper(function, name, cls, True)
        setattr(cls, name, made)
        METHODS[cls, name] = function


def _declared(prefix: str) -> list[tuple[Function, str]]:
    return [(f, full[len(prefix) + 1:]) for f in FUNCTIONS for full in f.names
            if full.startswith(prefix + ".") and "." not in full[len(prefix) + 1:]]


def fill(module: types.ModuleType, prefix: str, cls: type) -> None:
    """Put the functions declared under `prefix` into a module that is a namespace."""
    made = functions_of(prefix, cls)
    for name, function in made.items():
        function.__module__ = module.__name__
        setattr(module, name, function)


def update(operate: Callable[[Any, Any], Any], array: Any, other: Any) -> Any:
    """Bind `array` to the result of `operate(array, other)`, in its own dtype."""
    array._check_writable()
    made = operate(array, other)
    value = made._value
    if value.aval is not array._value.aval:
        return assign(array, made)
    if array._base is None:
        array._bind(value, value.node is not None)
    else:
        array._rebind(value)
    return array


def in_place(cls: type, name: str) -> None:
    """Give `cls` the in-place operator of `__name__`: it binds the array to the result, in its own dtype."""
    operate = getattr(cls, f"__{name}__")

    def operator(self: Any, other: Any) -> Any:
        return update(operate, self, other)

    operator.__name__ = f"__i{name}__"
    operator.__qualname__ = f"{cls.__name__}.__i{name}__"
    setattr(cls, operator.__name__, operator)
