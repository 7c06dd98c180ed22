"""A table over all public declarations: function, method, operator, `out=`, in place and both flavours agree.

Arguments come from the forms of the random programs (tests/fuzz/forms); the values are judged by their reference.
"""
from __future__ import annotations

import ast
import builtins
import inspect
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import graphs
import numpy as onp
import pytest
from fuzz.draws import Program, Refused, Seeded
from fuzz.executor import Outcome, Run
from fuzz.forms.table import BY_STATEMENTS, EXCLUDED, INTERNAL, KINDS
from fuzz.judge import Expected, compare
from fuzz.reference.arrays import Array
from fuzz.reference.values import WORLD
from fuzz.statements import attempt, leaf

from tracer import MXNetError, autograd, nd, np, npx
from tracer.ops.declare.public import FUNCTIONS, Function

pytestmark = pytest.mark.native_sample(12)

SPACES = {"np": np, "npx": npx, "nd": nd}
CLASSES = {"np.ndarray": np.ndarray, "nd.NDArray": nd.NDArray}
FORMS = {name: (flavour, form) for flavour, kinds in KINDS.items() for _, form, names in kinds for name in names}
#: The number of calls of each function in a test run.
CALLS = 2


@dataclass(frozen=True)
class Call:
    """A call of a public function by its plain name: the program that makes its operands, and their expressions."""

    name: str
    setting: str
    arguments: tuple[str, ...]
    keywords: dict[str, str]
    size: int

    def operands(self) -> tuple[list[Any], dict[str, Any]]:
        """The arguments, made anew."""
        space = {**SPACES, "autograd": autograd, "onp": onp, "n": self.size}
        exec(self.setting, space)
        return [eval(a, space) for a in self.arguments], {k: eval(v, space) for k, v in self.keywords.items()}

    def __call__(self, function: Any, **more: Any) -> Any:
        arguments, keywords = self.operands()
        return function(*arguments, **keywords, **more)

    @property
    def text(self) -> str:
        """The call as a program of the reference."""
        arguments = ", ".join([*self.arguments, *(f"{k}={v}" for k, v in self.keywords.items())])
        lines = [*self.setting.splitlines(), f"made = {self.name}({arguments})",
                 "return [a.asnumpy() for a in (made if isinstance(made, (list, tuple)) else [made])]"]
        return "def program(n):\n" + "\n".join(f"    {line}" for line in lines) + "\n"


def calls(names: list[str], seed: int) -> Iterator[Call]:
    """Some calls by one of a function's plain names that are neither methods nor operators."""
    found = 0
    for number in range(400):
        name = names[number % len(names)]
        flavour, form = FORMS[name]
        WORLD.noise, WORLD.recording, WORLD.training = None, False, False
        p = Program(Seeded(f"{seed} {name} {number}"), flavour)
        for dtype in (None, None, "float32", "int32"):
            attempt(p, lambda p, dtype=dtype: leaf(p, dtype))
        try:
            text = form(p, name)
            made = p.evaluate(text)
        except Refused:
            continue
        tree = ast.parse(text, mode="eval").body
        arrays = all(isinstance(a, Array) for a in parts(made))
        if arrays and isinstance(tree, ast.Call) and ast.unparse(tree.func) == name:
            yield Call(name, "\n".join(p.lines), tuple(map(ast.unparse, tree.args)),
                       {str(k.arg): ast.unparse(k.value) for k in tree.keywords}, p.n)
            found += 1
            if found == CALLS:
                return
    assert found, "no call is accepted"


def plain(function: Function) -> list[str]:
    """The names of a function in namespaces, if a form exists for them."""
    return [n for n in function.names if n in FORMS and not n.startswith(tuple(CLASSES))]


def found(name: str) -> Any:
    """The function or method of a name."""
    space, _, rest = name.partition(".")
    return operator.attrgetter(rest)(SPACES[space])


def operation(method: str) -> Any:
    """The operator or builtin that calls a special method; for any other method a function that calls it."""
    if method in ("__divmod__", "__round__"):
        return getattr(builtins, method.strip("_"))
    special = getattr(operator, method, None) if method.startswith("__") else None
    return special or (lambda x, *args, **keywords: getattr(x, method)(*args, **keywords))


def parts(made: Any) -> list[Any]:
    return list(made) if isinstance(made, (list, tuple)) else [made]


@pytest.fixture(autouse=True)
def _one_tier(jit_mode: str) -> Iterator[None]:
    """One tier for each test, as the tiers differ by roundings: under "auto" all forms are interpreted."""
    with graphs.jit_mode("never" if jit_mode == "auto" else jit_mode):
        yield


def assert_same(got: Any, want: Any, what: str) -> None:
    """Assert equal elements, dtypes, shapes, and array classes."""
    assert len(parts(got)) == len(parts(want)), what
    for g, w in zip(parts(got), parts(want)):
        assert (type(g), g.shape, g.dtype) == (type(w), w.shape, w.dtype), what
        onp.testing.assert_array_equal(g.asnumpy(), w.asnumpy(), what)


TABLE = [f for f in FUNCTIONS if plain(f)]


@pytest.mark.tierless
def test_what_is_not_in_the_table_is_for_use_inside_or_excluded_with_a_reason():
    methods = [f for f in FUNCTIONS if all(n.startswith(tuple(CLASSES)) for n in f.names)]
    inside = INTERNAL.keys() | BY_STATEMENTS | EXCLUDED.keys()
    assert [f for f in FUNCTIONS if f not in TABLE and f not in methods and not inside.issuperset(f.names)] == []


@pytest.mark.parametrize("function", TABLE, ids=repr)
def test_all_forms_of_a_function_agree(function, request):
    for call in calls(plain(function), request.config.getoption("--sweep-seed")):
        what = call.text
        want = call(found(call.name))
        answers = Outcome(tuple(a.asnumpy() for a in parts(want)))
        assert compare(answers, Expected.of(call.text, call.size), Run("", 0, call.size)) is None, what
        for name in plain(function):
            assert_same(call(found(name)), want, f"{name}: {what}")
        for name in function.names:
            cls, _, method = name.rpartition(".")
            if cls in CLASSES and isinstance(call.operands()[0][0], CLASSES[cls]):
                assert_same(call(operation(method)), want, f"{name}: {what}")
                _check_operators(call, method, want, what)
        if "out" in inspect.signature(found(call.name)).parameters:
            _check_out(call, want, what)


def _check_operators(call: Call, method: str, want: Any, what: str) -> None:
    """Check the reflected operator, and the in-place one: its result has the array's own dtype, if shapes agree."""
    (x, *others), keywords = call.operands()
    cls, bare = type(x), method.strip("_")
    if len(others) != 1 or keywords or not method.startswith("__"):
        return
    if hasattr(cls, f"__r{bare}__") and isinstance(others[0], cls):
        assert_same(getattr(others[0], f"__r{bare}__")(x), want, f"reflected: {what}")
    if hasattr(cls, f"__i{bare}__") and x.shape == want.shape:
        before = x
        x = getattr(operator, f"__i{bare}__")(x, others[0])
        assert x is before
        assert_same(x, want.astype(x.dtype), f"in place: {what}")


def _check_out(call: Call, want: Any, what: str) -> None:
    """Check `out=`: a result is written into the given array, in that array's dtype."""
    for dtype in (None, "float64"):
        if dtype is None or len(parts(want)) == 1:
            space = np if isinstance(parts(want)[0], np.ndarray) else nd
            given = [space.zeros(w.shape, dtype=dtype or w.dtype) for w in parts(want)]
            outs = given if isinstance(want, (list, tuple)) else given[0]
            made = call(found(call.name), out=outs)
            assert made is outs, what
            assert_same(made, [w.astype(g.dtype) for g, w in zip(given, parts(want))], f"out=: {what}")


#: Functions with an axis, except those that refuse any other than the default.
OF_AXES = [f for f in TABLE if "axis" in f.signature.parameters and not f.name.startswith("nd.linalg_gemm")]


@pytest.mark.tierless
@pytest.mark.parametrize("function", OF_AXES, ids=repr)
def test_an_axis_that_no_operand_has_is_refused(function, request):
    for call in calls(plain(function), request.config.getoption("--sweep-seed")):
        (arguments, keywords), called = call.operands(), found(call.name)
        given = inspect.signature(called).bind(*arguments, **keywords)
        given.arguments["axis"] = 9
        with pytest.raises(MXNetError):
            called(*given.args, **given.kwargs)


# ---- both flavours -------------------------------------------------------------------------------

#: Names with different meanings in np and nd.
DIFFERENT = {
    "identity": "makes a matrix in np", "sort": "takes the order in nd", "argsort": "takes the order in nd",
    "reshape": "0 stands for an axis's size in nd", "concat": "calls the axis dim in nd",
    "split": "takes squeeze_axis in nd", "pad": "takes all widths in one tuple in nd",
    "stack": "takes the arrays one by one in nd", "round": "rounds halves away from zero in nd",
    "where": "takes a condition for each row in nd", "dot": "sums over the first axis of the second array in nd"}
SHARED = [name[3:] for f in TABLE for name in plain(f) if name.startswith("nd.") and f"np.{name[3:]}" in FORMS]


def in_np(argument: Any) -> Any:
    """An argument of an nd function as np takes it."""
    if isinstance(argument, (list, tuple)):
        return type(argument)(map(in_np, argument))
    return np.array(argument.asnumpy()) if isinstance(argument, nd.NDArray) else argument


@pytest.mark.tierless
def test_names_that_differ_are_shared():
    assert DIFFERENT.keys() <= set(SHARED)


@pytest.mark.parametrize("name", [name for name in SHARED if name not in DIFFERENT])
def test_both_flavours_agree(name, request):
    """On float32 arrays. nd has axes of size 1 where np has none, and float32 for bools and positions."""
    for call in calls([f"nd.{name}"], request.config.getoption("--sweep-seed")):
        arguments, keywords = call.operands()
        function = found(f"np.{name}")
        unknown = keywords.keys() - inspect.signature(function).parameters
        if unknown or any(isinstance(a, nd.NDArray) and a.dtype != onp.float32 for a in arguments):
            continue
        want = found(f"nd.{name}")(*arguments, **keywords)
        got = function(*map(in_np, arguments), **keywords)
        for g, w in zip(parts(got), parts(want), strict=True):
            assert (g.shape or (1,)) == w.shape, call.text
            assert g.dtype in (w.dtype, "bool", "int64"), call.text
            onp.testing.assert_array_equal(g.asnumpy().astype(w.dtype).reshape(w.shape), w.asnumpy(), call.text)
