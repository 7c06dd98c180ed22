"""Arrays of the reference: elements in NumPy memory, which views share; methods and operators of MXNet's arrays."""
from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from weakref import ref

import numpy as np

from .elementwise import SAME, cast
from .movement import move
from .values import WORLD, NoAnswer, Step, Value, Variable, apply, stored, tied


class Array:
    """An array of one flavour. Views are NumPy's views of their base's memory."""

    #: The functions of the flavour by name; they are also methods.
    functions: dict[str, Callable[..., Any]] = {}
    #: Methods with another name than their function.
    renamed: dict[str, str] = {}
    scalar_shape: tuple[int, ...] = ()

    def __init__(self, memory: np.ndarray, dtype: np.dtype, source: Step | Variable | None = None) -> None:
        self.memory = np.asarray(memory)
        self.dtype = dtype
        self.source = source
        self.grad: Any = None
        self.sharing = [ref(self)]  # the arrays in the same memory
        self.overwritten = False  # outside `record()`, while it had a history: MXNet keeps the history

    @property
    def shape(self) -> tuple[int, ...]:
        return self.memory.shape

    @property
    def ndim(self) -> int:
        return self.memory.ndim

    @property
    def size(self) -> int:
        return self.memory.size

    @property
    def value(self) -> Value:
        """The current elements."""
        if WORLD.recording and self.overwritten:
            raise NoAnswer("the history of what was overwritten")
        return Value(self.memory.copy(), self.dtype, self.source)

    @classmethod
    def of(cls, value: Value) -> Any:
        """An array of a new value; an operand's own value is copied, and the copy recorded."""
        if value.source is not None and not (isinstance(value.source, Step) and value.source.output is value):
            value = apply(SAME, [value], value.dtype)
        return cls(value.data.copy(), value.dtype, value.source)

    # ---- reading ---------------------------------------------------------------------------------

    def asnumpy(self) -> np.ndarray:
        """The elements, floats in float64, with the dtype that they represent (judge.py reads it)."""
        return self.memory.copy().view(Answer).of(self.dtype)

    def item(self) -> Any:
        if self.size != 1:
            raise NoAnswer("item of several elements")
        return self.memory.reshape(-1)[0].item()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __len__(self) -> int:
        return len(self.memory)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __getattr__(self, name: str) -> Any:
        found = type(self).functions.get(type(self).renamed.get(name, name))
        if found is None or name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **keywords: found(self, *args, **keywords)

    def with_operands(self, operands: Any) -> Any:
        """The array as a function of all recorded arrays among `operands`. It must be new, computed from them alone."""
        if WORLD.recording and all(a is not self for a in operands):
            values = [Value(a.memory, a.dtype, a.source) for a in operands if a.source is not None]
            self.source = tied(Value(self.memory, self.dtype, self.source), values).source
        return self

    # ---- indexing --------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        plain = self._key(key)
        if _is_basic(plain):
            part = self._part(plain)
            recorded = move(lambda a: a[plain].reshape(part.shape), [self.value], self.dtype)
            made = type(self)(part, self.dtype, recorded.source)
            return self.share(made) if np.shares_memory(part, self.memory) else made
        made = self.of(move(lambda a: a[plain], [self.value], self.dtype))
        return made.with_operands(arrays_in(key))

    def _part(self, key: Any) -> np.ndarray:
        """The elements at a basic index: a view if they are contiguous in the array, as in MXNet.

        In `np` a single slice with a step other than 1 always gives a copy.
        """
        places = np.arange(self.size).reshape(self.shape)[key]
        shape = places.shape or type(self).scalar_shape
        flat = places.reshape(-1)
        strided = isinstance(key, slice) and key.step not in (None, 1) and not type(self).scalar_shape
        if flat.size and (np.diff(flat) == 1).all() and not strided:
            return self.memory.reshape(-1)[flat[0]:flat[-1] + 1].reshape(shape)
        return self.memory[key].copy().reshape(shape)

    def _key(self, key: Any) -> Any:
        plain = _plain_key(key)
        if not self.ndim and plain != ():
            raise NoAnswer("scalar tensor can only accept `()` as index")
        if not _masks_fit(plain, self.shape):
            raise NoAnswer("a mask of another shape")
        return plain

    def __setitem__(self, key: Any, value: Any) -> None:
        self.check_writable()
        if isinstance(value, Array):
            if WORLD.recording and value.source is not None:
                raise NoAnswer("a recorded value is written in place")
            value = cast(value.value, self.dtype).data
            if self.dtype.kind == "f":
                value = _in_dtype(value, self.dtype)
        elif self.dtype.kind == "f":
            value = _in_dtype(np.asarray(value, np.float64), self.dtype)
        self.memory[self._key(key)] = value
        self.forget()

    def check_writable(self) -> None:
        if WORLD.recording and self.source is not None:
            raise NoAnswer("an array that autograd needs is overwritten")

    def share(self, view: Any) -> Any:
        """Let `view` share this array's memory."""
        view.sharing = self.sharing
        self.sharing.append(ref(view))
        return view

    def forget(self) -> None:
        """Drop the history of the array and its views, as its elements are new; MXNet keeps it outside `record()`."""
        for other in self.sharing:
            array = other()
            if array is not None and not isinstance(array.source, Variable):
                array.overwritten |= array.source is not None
                array.source = None

    def update(self, function: str, other: Any) -> Any:
        """Apply a function in place: the result keeps the array's dtype and memory."""
        self.check_writable()
        made = type(self).functions[function](self, other)
        if made.shape != self.shape or WORLD.recording and made.source is not None:
            raise NoAnswer("an update changes the shape, or is recorded")
        data = cast(made.value, self.dtype).data
        self.memory[...] = data
        self.forget()
        return self

    # ---- autograd --------------------------------------------------------------------------------

    def attach_grad(self, grad_req: str = "write") -> None:
        if self.dtype.kind != "f":
            raise NoAnswer("a variable of integers")
        self.grad, self.overwritten = None, False
        if grad_req == "null":
            self.source = None
            return
        self.grad = type(self)(np.zeros(self.shape), self.dtype)
        self.source = Variable(self.grad, grad_req)

    def detach(self) -> Any:
        return self.share(type(self)(self.memory, self.dtype))

    def backward(self, out_grad: Any = None, retain_graph: bool = False, train_mode: bool = True) -> None:
        from .autograd import backward

        backward([self], [out_grad], retain_graph)


def _in_dtype(data: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """A constant as `dtype` stores it: a number written into an array is rounded, in the plain run too."""
    with np.errstate(all="ignore"):
        return data.astype(dtype).astype(np.float64)


class Answer(np.ndarray):
    """The answer of `asnumpy`: the elements and the dtype that they represent."""

    stands_for: np.dtype

    def of(self, dtype: np.dtype) -> Answer:
        self.stands_for = dtype
        return self


def arrays_in(*things: Any) -> list[Array]:
    """The arrays among arguments and among lists of arguments."""
    return [a for x in things for a in (arrays_in(*x) if isinstance(x, (list, tuple)) else [x]) if isinstance(a, Array)]


#: Functions whose every result is computed from one operand and the shapes of the others.
_APART = frozenset(("broadcast_arrays", "meshgrid"))


def recorded(functions: dict[str, Callable[..., Any]]) -> None:
    """Make the results of all functions of a table depend on all operands, if only with a zero derivative.

    A backward then writes zeros to a variable that only selected elements or was only compared, and passes through the
    layers that computed such an operand.
    """
    functions.update({name: _recorded(function) for name, function in functions.items() if name not in _APART})


def _recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def called(*args: Any, **keywords: Any) -> Any:
        made = function(*args, **keywords)
        if WORLD.recording:
            operands = arrays_in(args, [*keywords.values()])
            for x in arrays_in(made):
                x.with_operands(operands)
        return made

    return called


def _masks_fit(key: Any, shape: tuple[int, ...]) -> bool:
    """Whether a mask used as the only index has the shape of the leading axes: NumPy accepts any empty one."""
    return not (isinstance(key, np.ndarray) and key.dtype.kind == "b") or key.shape == shape[:key.ndim]


def _plain_key(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(_plain_key(k) for k in key)
    if isinstance(key, Array):
        return key.memory if key.dtype.kind in "iub" else key.memory.astype(np.int64)
    return key


def _is_basic(key: Any) -> bool:
    parts = key if isinstance(key, tuple) else (key,)
    return all(k is None or k is Ellipsis or isinstance(k, (int, slice)) and not isinstance(k, bool) for k in parts)


def new(cls: type[Array], object: Any, dtype: Any = None, default: Any = np.float32) -> Any:
    """A new array from numbers, lists or NumPy arrays."""
    if isinstance(object, Array):
        kind = np.dtype(dtype or object.dtype)
        return cls.of(cast(Value(object.memory.copy(), object.dtype), kind))
    kind = np.dtype(dtype or default)
    with np.errstate(all="ignore"):
        return cls(stored(np.array(object).astype(kind), kind), kind)
