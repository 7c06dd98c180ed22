"""Generation of the namespaces and array methods from the declarations of public functions in ops/."""
from __future__ import annotations

import builtins
import inspect
import types
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, NamedTuple

import numpy as np

from tracer import ops
from tracer.ops.declare.public import FUNCTIONS, REQUIRED, Function
from tracer.ops.ir.devices import place
from tracer.ops.ir.errors import MXNetError
from tracer.ops.primitive.arithmetic import cast

from .history import history_of
from .invoke import Handle, invoke, pending
from .trace import Value, current, node_of
from .tracebacks import leave_out

ops.load()


def assign(out: Any, result: Any) -> Any:
    """Write `result` into the caller's array `out`, converted to its dtype; returns `out`."""
    if isinstance(out, (list, tuple)) and isinstance(result, (list, tuple)):
        for o, r in zip(out, result, strict=True):
            assign(o, r)
        return out
    if not isinstance(out, Handle):
        raise no_array(out)
    if isinstance(result, (list, tuple)):
        raise ValueError(f"out must hold {len(result)} arrays, one for each result; got one array")
    out._store(result)
    return out


def no_array(out: Any) -> TypeError:
    """The error for an `out` that is not an array."""
    return TypeError(f"out must be an array, got {type(out).__name__}")


def fitted(out: Any, value: Value) -> Value:
    """The value converted to the dtype of the array `out`, on its device. MXNetError for another shape."""
    if value.aval.shape != out._value.aval.shape:
        raise MXNetError(f"out has shape {out.shape}, the result {value.aval.shape}")
    of = out._value.aval
    history = history_of([value]) if current().trace.recording else None
    return pending(place(cast(node_of(value), of.dtype), of.device), history)


# ---- updates: functions that write to their operands ---------------------------------------------

def step(function: Function, cls: type, operands: tuple, statics: tuple, out: Any) -> Any:
    """Record an update; returns the first result, in `out` if that is given. The others are written to the operands."""
    made = invoke(function, cls, operands, statics)
    if out is not None:
        if out is not operands[0]:
            _check_fits(out, made[0])
        out._store(made[0])
    for i, at in enumerate(function.writes):  # type: ignore[arg-type]
        operands[at]._store(made[i + 1])
    return made[0] if out is None else out


def step_many(function: Function, cls: type, operands: tuple, statics: tuple, out: Any) -> Any:
    """Record an update of many arrays, each with a group of operands; returns their first results.

    The new states are written to the operands.
    """
    made, states = invoke(function, cls, operands, statics), function.writes or ()
    count = len(made) // (1 + len(states))
    if out is not None:
        outs = [out] if isinstance(out, Handle) else out
        if len(outs) != count:
            raise MXNetError(f"Operator {function.name} expects {count} outputs, but got {len(outs)} instead.")
        for given, new in zip(outs, made):
            _check_fits(given, new)
        for given, new in zip(outs, made):
            given._store(new)
    for k, at in enumerate(states, 1):
        for i in range(count):
            operands[i * (states[-1] + 1) + at]._store(made[k * count + i])
    return made[:count] if out is None else out


def _check_fits(out: Any, result: Any) -> None:
    if not isinstance(out, Handle):
        raise no_array(out)
    wanted, got = result._aval, out._aval
    if (wanted.shape, wanted.dtype) != (got.shape, got.dtype):
        raise MXNetError(f"Incompatible attr in node at 0-th output: expected {wanted!r}, got {got!r}")


def _numbers(name: str, what: str, values: Any, count: int) -> Any:
    """The numbers for `count` arrays as an operand: a single number if all are equal, else a NumPy array."""
    if values is None:
        raise MXNetError(f"Required parameter {what} of tuple of <float> is not presented, in operator {name}")
    found = [float(v) for v in (values if isinstance(values, (list, tuple)) else (values,))]
    if len(found) != count:
        raise MXNetError(f"{name}: {count} {what} wanted, got {len(found)}")
    return found[0] if found.count(found[0]) == count else np.array(found)


def _gather(arrays: tuple) -> tuple:
    """The arrays, which are given one by one or as one list."""
    if len(arrays) == 1 and isinstance(arrays[0], (list, tuple)):
        return tuple(arrays[0])
    return arrays


def refuse(name: str, unknown: dict[str, Any]) -> None:
    """Raise MXNetError for keywords that an engine operator lacks, except those of symbols: name, attr, __this__."""
    wrong = [k for k in unknown if k not in ("name", "attr") and not (k.startswith("__") and k.endswith("__"))]
    if wrong:
        raise MXNetError(f"Cannot find argument {wrong[0]!r}, in operator {name}")


def _unsupported(name: str, out: Any) -> None:
    if out is not None and not isinstance(out, Handle):
        raise no_array(out)
    raise NotImplementedError(f"np.{name}(dtype=..., where=...): not supported, as in MXNet")


def engine(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a hand-written function so that it takes keywords as MXNet's engine does.

    `name` and `attr` are ignored, and an unknown keyword raises MXNetError.
    """
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    known = frozenset(p.name for p in inspect.signature(function).parameters.values() if p.kind not in kinds)

    @wraps(function)
    def operator(*args: Any, **kwargs: Any) -> Any:
        if not known.issuperset(kwargs):
            unknown = {k: kwargs.pop(k) for k in [*kwargs] if k not in known}
            refuse(function.__name__, unknown)
        return function(*args, **kwargs)

    return operator


@cache
def _code(text: str) -> types.CodeType:
    """The code compiled from `text`. Cached: many functions differ in names only, and compiling dominates an import."""
    return compile(text, "<generated>", "exec").co_consts[0]


#: The end of a generated function: a traceback leaves out tracer's frames. While nothing is raised it costs nothing.
_EXCEPT = "    except Exception:\n        _leave_out()\n        raise\n"
#: The keywords of NumPy's ufuncs, with their defaults. MXNet refuses another `dtype` or `where`.
_UFUNC = {"where": True, "casting": "same_kind", "order": "K", "dtype": None, "subok": True}
_ENGINE = ("engine", "ignoring")
#: Keywords that MXNet's engine ignores in an operator without parameters, as it ignores all others there.
_IGNORED = {"name": None, "ctx": None, "device": None, "dtype": None}


class Recorder(NamedTuple):
    """The functions that the generated ones call: what recording means, for arrays or another kind of operand.

    invoke: (function, cls, operands, statics) -> results of `cls`.
    step, step_many: the same for updates of one array and of many, with `out` as a fifth argument.
    assign: (out, result) -> `out`, written.
    """

    invoke: Callable[..., Any]
    step: Callable[..., Any]
    step_many: Callable[..., Any]
    assign: Callable[[Any, Any], Any]


#: The recorder of arrays.
ARRAYS = Recorder(invoke, step, step_many, assign)


@cache
def names_of(recorder: Recorder) -> dict[str, Any]:
    """The builtins of the functions generated for a recorder, shared by all of them."""
    return {**vars(builtins), **{f"_{name}": value for name, value in recorder._asdict().items()}, "_gather": _gather,
            "_numbers": _numbers, "_refuse": refuse, "_unsupported": _unsupported,
            "_leave_out": leave_out, "_NUMBERS": frozenset((float, int, bool))}


def _further(function: Function, name: str, method: bool) -> dict[str, Any]:
    """The keywords that MXNet takes besides the declared ones, and their defaults."""
    if name.startswith("__"):
        return {}
    found: dict[str, Any] = {}
    if not method or function.name.startswith("nd."):
        found["out"] = None
    if function.keywords == "engine" or _takes_anything(function, method):
        found["name"] = None
    elif function.keywords == "ignoring":
        found |= _IGNORED
    elif function.keywords == "ufunc" and not method:
        found |= _UFUNC
    return {k: v for k, v in found.items() if k not in function.signature.parameters}


def _takes_anything(function: Function, method: bool) -> bool:
    """Whether the function accepts any keyword, to refuse or ignore it. Methods do not, as that costs too much time."""
    return function.name.startswith("nd.") and function.keywords in _ENGINE and not method


def _default_of(function: Function, p: inspect.Parameter) -> Any:
    """A parameter's default. In `mx.nd` all parameters have one, as MXNet's engine reports a missing argument."""
    if p.default is not p.empty or function.keywords not in _ENGINE or not function.name.startswith("nd."):
        return p.default
    return None if p.name in function.arrays else REQUIRED


def wrapper(function: Function, name: str, cls: type, method: bool, check: Callable[..., None] | None = None,
            recorder: Recorder = ARRAYS) -> Any:
    """The Python function that records `function` under `name`, with its declared signature and what MXNet adds to it.

    check: called with the operands of a method before, if the second is neither a number nor a `cls`.
    recorder: the functions that it calls.

    In the generated text parameters are called p0, p1, ...; their names, and the function's, are set afterwards.
    """
    kinds = function.signature.parameters
    local = {p: f"p{i}" for i, p in enumerate(kinds)}
    parts, defaults, by_keyword = [], [], {}
    starred = False
    for i, p in enumerate(kinds.values()):
        if p.kind is p.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        if function.star and not i:
            parts.append("*" + local[p.name])
            starred = True
            continue
        parts.append(local[p.name])
        default = p.default if i == 0 and (method or function.variadic) else _default_of(function, p)
        if default is not p.empty and starred:
            by_keyword[p.name] = default
        elif default is not p.empty:
            defaults.append(default)
    further = _further(function, name, method)
    parts += further
    if starred:
        by_keyword |= further
    else:
        defaults += further.values()
    out = "out" if "out" in further else local.get("out")
    anything = _takes_anything(function, method)
    if anything:
        parts.append("**_unknown")
    names = [f"_numbers(_name, {a!r}, {local[a]}, {local['num_weights']})" if kinds[a].annotation == "Numbers"
             else local[a] for a in function.arrays]
    # `out` is not a static argument: the call cache would keep its array alive.
    statics = "(" + "".join(f"{'None' if s == 'out' else local[s]}, " for s in function.statics) + ")"
    arrays = f"_gather({names[0]})" if function.star else \
        f"tuple({names[0]})" if function.variadic else "(" + "".join(f"{a}, " for a in names) + ")"
    if function.variadic and len(names) > 1:
        arrays = f"(*{arrays}, {', '.join(names[1:])})"
    call = f"_invoke(_function, _cls, {arrays}, {statics})"
    body = f"    return {call}\n"
    if function.writes is not None:
        body = f"    return {'_step_many' if function.star else '_step'}(_function, _cls, {arrays}, {statics}, {out})\n"
    elif out is not None:
        body = f"    if {out} is not None:\n        return _assign({out}, {call})\n{body}"
    if anything and function.keywords == "engine":
        body = f"    if _unknown:\n        _refuse(_name, _unknown)\n{body}"
    if check is not None:
        body = f"    k = type({names[1]})\n    if k is not _cls and k is not float and k is not int:\n" \
               f"        _check({names[0]}, {names[1]})\n{body}"
    plain = None if method else _of_numbers(function)
    if plain is not None:
        body = f"    if type({names[0]}) is not _cls and {' and '.join(f'type({a}) in _NUMBERS' for a in names)}:\n" \
               f"        return _plain({', '.join(names)})\n{body}"
    if "where" in further:
        body = f"    if dtype is not None or where is not True:\n        _unsupported(_name, out)\n{body}"
    body = "    try:\n" + "".join([f"    {line}\n" for line in body.splitlines()]) + _EXCEPT
    code = _code(f"def made({', '.join(parts)}):\n{body}")
    back = {short: full for full, short in local.items()}
    code = code.replace(co_name=name, co_filename=f"<generated {function.name}>",
                        co_varnames=tuple([back.get(v, v) for v in code.co_varnames]))
    space = {"_function": function, "_cls": cls, "_name": name, "_plain": plain, "_check": check, "__name__": "tracer",
             "__package__": "tracer", "__builtins__": names_of(recorder)}
    made: Any = types.FunctionType(code, space, name, tuple(defaults))
    made.__kwdefaults__ = by_keyword or None
    made.__doc__ = inspect.getdoc(function.build)
    made.__qualname__ = f"{cls.__name__}.{name}" if method else name
    return made


def _of_numbers(function: Function) -> Any:
    """The function for numbers alone: as declared, or for one of `mx.np` that takes only operands NumPy's."""
    if function.numbers is not None:
        return function.numbers
    first = function.names[0]
    operands = all(p.annotation == "Operand" for p in function.signature.parameters.values())
    return getattr(np, first[3:], None) if first.startswith("np.") and first.count(".") == 1 and operands else None


def functions_of(prefix: str, cls: type, recorder: Recorder = ARRAYS) -> dict[str, Any]:
    """The functions declared directly under `prefix`, such as "np" or "np.linalg", that make objects of `cls`."""
    return {name: wrapper(f, name, cls, False, recorder=recorder) for f, name in _declared(prefix)}


#: The function that each generated method records, by class and name.
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


def fill(module: types.ModuleType, prefix: str, cls: type) -> dict[str, Any]:
    """Put the functions declared under `prefix` into a module that is a namespace; returns them by name."""
    made = functions_of(prefix, cls)
    for function in made.values():
        function.__module__ = module.__name__
    vars(module).update(made)
    return made


def update(operate: Callable[[Any, Any], Any], array: Any, other: Any) -> Any:
    """Bind `array` to the result of `operate(array, other)`, converted to its dtype."""
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
    """Give `cls` the in-place form of the operator `__name__`: it binds the array to the result, in its dtype."""
    operate = getattr(cls, f"__{name}__")

    def operator(self: Any, other: Any) -> Any:
        return update(operate, self, other)

    operator.__name__ = f"__i{name}__"
    operator.__qualname__ = f"{cls.__name__}.__i{name}__"
    setattr(cls, operator.__name__, operator)
