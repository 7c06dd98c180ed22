"""Public functions: the operations that users call, declared beside the primitives that they are made of.

A declaration is a Python function from nodes (and static arguments) to a node, or to a list of nodes, with its
public names. The namespaces `np`, `npx`, `nd` and the arrays' methods are generated from it.

    @public("np.sum", "np.ndarray.sum")
    def sum(a: Node, axis=None, dtype=None, keepdims=False) -> Node: ...

The annotation of a parameter says what it takes:

- Node: an array.
- Operand: an array or a Python number.
- Optional: an array or None.
- Nodes: a sequence of arrays (first parameter only; `star`: users pass them one by one).
- Number: a number that is an input of the program.
- Numbers: such a number for each of `num_weights` arrays.

All other parameters are static and part of the program. The namespaces add `out=` and MXNet's further keywords.

    @public("nd.sgd_mom_update", writes=("mom",))
    def sgd_mom(weight: Node, grad: Node, mom: Node, lr: Number, momentum: Number = 0.0) -> list[Node]: ...

This function also updates an operand in place: its second result is the new `mom`.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from ..ir.node import Node

Operand = Node
Optional = Node | None
Nodes = Sequence[Node]
Number = Any
Numbers = Any
#: The annotations of parameters that are operands.
OPERANDS = frozenset(("Node", "Operand", "Optional", "Nodes", "Number", "Numbers"))


@dataclass(frozen=True, eq=False, slots=True)
class Function:
    """A public function: its declaration and its public names.

    names: such as "np.tanh", "nd.NDArray.tanh", "npx.relu", "np.linalg.norm".
    arrays: the names of the parameters that are operands.
    statics: the names of all other parameters.
    variadic: whether the first parameter is a sequence of arrays.
    literals: the Python numbers that become part of the program when given as an operand (the 2 of a power).
    star: whether users pass the sequence's arrays one by one.
    keywords: the treatment of keywords that are not declared. "engine": an operator of MXNet's engine, which ignores
        `name`. "ignoring": an operator without parameters, which ignores all keywords. "ufunc": those of NumPy's
        ufuncs are taken, at their defaults. "declared": no others are taken.
    writes: the positions of the operands to which the results after the first are written; None: all results are
        returned. For a `star` function, positions in each array's group of operands; they include the group's last.
    shapes: the rule that finds the shapes of a layer's parameters: given the shape of `data` and the static arguments
        by name, it returns shapes by the names of operands.
    numbers: the function of Python's numbers alone, which give a number and no array.
    """

    name: str
    build: Callable[..., Any]
    names: tuple[str, ...]
    arrays: tuple[str, ...]
    statics: tuple[str, ...]
    variadic: bool
    signature: inspect.Signature
    literals: frozenset = frozenset()
    star: bool = False
    keywords: str = "declared"
    writes: tuple[int, ...] | None = None
    shapes: Callable[..., dict[str, tuple[int, ...]]] | None = None
    numbers: Callable[..., Any] | None = None

    def __repr__(self) -> str:
        return self.name


#: Every public function, in order of declaration.
FUNCTIONS: list[Function] = []


class _Required:
    """The default of a required static parameter where MXNet's engine, and not Python, reports that it is missing."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


def public(*names: str, literals: frozenset = frozenset(), star: bool = False, keywords: str | None = None,
           writes: Sequence[str | int] | None = None,
           shapes: Callable[..., dict[str, tuple[int, ...]]] | None = None,
           numbers: Callable[..., Any] | None = None) -> Callable[[Callable], Callable]:
    """Declare the decorated function of nodes under `names`. See the module's docstring.

    keywords: as in `Function`; None is "engine" or "ignoring" in `nd` and `npx`, "ufunc" in `np` for functions that
        have only operands, "declared" otherwise.
    """

    def enter(build: Callable) -> Callable:
        signature = inspect.signature(build)
        kinds = {p.name: str(p.annotation).strip("'\"") for p in signature.parameters.values()}
        arrays = tuple(k for k, v in kinds.items() if v in OPERANDS)
        statics = tuple(k for k in kinds if k not in arrays)
        variadic = bool(arrays) and kinds[arrays[0]] == "Nodes"
        places = None if writes is None else tuple(arrays.index(w) if isinstance(w, str) else w for w in writes)
        FUNCTIONS.append(Function(names[0], _arranged(build, kinds, arrays, variadic), names, arrays, statics, variadic,
                                  signature, literals, star, keywords or _keywords_of(names[0], kinds), places, shapes,
                                  numbers))
        return build

    return enter


def named(build: Callable, names: Iterable[Callable[[Callable], object]]) -> Any:
    """`build`, made public by each declarer in `names` (`in_np` and the like in ops/primitive/promotion.py)."""
    for declare in names:
        declare(build)
    return build


def _arranged(build: Callable, kinds: dict[str, str], arrays: tuple[str, ...], variadic: bool) -> Callable:
    """`build` as a function of all operands first, a variadic function's as one list; then the static arguments."""
    order = (*arrays, *[k for k in kinds if k not in arrays])
    more = len(arrays) - 1 if variadic else 0
    if order == tuple(kinds) and not more:
        return build

    @wraps(build)
    def arranged(*given: Any) -> Any:
        if more:
            nodes, *statics = given
            given = (nodes[:-more], *nodes[-more:], *statics)
        named = dict(zip(order, given, strict=True))
        return build(*[named[k] for k in kinds])

    return arranged


def _keywords_of(name: str, kinds: dict[str, str]) -> str:
    if name.startswith(("nd.", "npx.")):
        return "engine" if set(kinds.values()) - {"Node", "Operand", "Optional", "Nodes"} else "ignoring"
    direct = name.startswith("np.") and name.count(".") == 1
    return "ufunc" if direct and set(kinds.values()) == {"Operand"} else "declared"
