"""Hot functions as machine code: their results, exceptions and references are those of the Python originals."""
from __future__ import annotations

import copy
import gc
import operator
import os
import subprocess
import sys
import threading
from typing import Any

import pytest

from tracer import autograd, np
from tracer.jit.cpython import layout
from tracer.jit.cpython.collector import track, untrack
from tracer.jit.cpython.identity import identical
from tracer.jit.cpython.unit import compile_functions
from tracer.ops.ir.errors import CannotCompile

pytestmark = [pytest.mark.tierless, pytest.mark.slow_sample(3),
              pytest.mark.skipif(not layout.sound(), reason="objects are laid out otherwise here")]

LIMIT = 3


class Pair:
    __slots__ = ("first", "second", "__dict__")

    def __init__(self, first: Any, second: Any = None) -> None:
        self.first = first
        self.second = second

    def swap(self, times: Any = 1) -> Any:
        for _ in range(times):
            self.first, self.second = self.second, self.first
        return self


def joined(label, left, right):
    return label, left, right


def grown(label, left, right):
    left.first += 1
    return left


class Term:
    """Operators bound to compiled functions in one class (`shortcut`), and to Python's own in the other."""

    __slots__ = ("first", "__dict__")

    def __init__(self, first: Any = 0) -> None:
        self.first = first

    def __mul__(self, other: Any) -> Any:
        return joined("mul", self, other) if type(other) is not str else NotImplemented

    def __rmul__(self, other: Any) -> Any:
        return joined("rmul", self, other)

    def __sub__(self, other: Any) -> Any:
        return joined("sub", self, other)

    def __imul__(self, other: Any) -> Any:
        return grown("imul", self, other)


class Quick(Term):
    __mul__, __rmul__, __sub__, __imul__ = Term.__mul__, Term.__rmul__, Term.__sub__, Term.__imul__


class Derived(Quick):
    """A user's subclass, defined after compilation."""

    def __rmul__(self, other: Any) -> Any:
        return joined("derived", self, other)


class Other(Pair):
    """A subclass of `Pair`: its slots are reached by the slow path."""


def arithmetic(x, y):
    z = x + y * 2 - x
    z += x
    counts = {}
    counts[x] = [z, y]
    counts[x][1] += x
    return z, x // y, counts


def choices(x, y):
    if x is None or not y:
        return "neither" if x is None else x
    elif x < y and y != 7:
        return x and y
    return x == y, x in (1, 2), x not in (1, 2), x is not y, len((x, y)) >= LIMIT, (x or y) and [x, y, {}]


def loops(items, bound):
    found = []
    for x in items:
        if x is None:
            continue
        if x == bound:
            break
        found.append((x, *found))
    n = 0
    while n < bound:
        n += 1
        if n == 5:
            return found, n
    return tuple(found), n, [x for x in items if x is not None if x]


def slots(x, table):
    made = Pair(x, (x, type(x)))
    made.extra = x
    other = Other(made)
    other.second = made.second
    made.swap()
    other.first.swap(2)
    a, b = made.second, other.second
    return table.get(a), b, made.first, made.extra, made.missing if x == "absent" else made.swap(3).second


def handlers(x, table):
    try:
        found = table[x]
    except KeyError:
        found = "none"
    try:
        found = found + x.first
    except AttributeError as error:
        found = found, type(error), error.name
    return found


def locked(lock, x):
    with lock:
        lock.held.append(x + 1)
    if lock.held[0] == 3:
        raise KeyError(x)
    for y in lock.held:
        with lock:
            try:
                x = x[y]
            except TypeError:
                raise ValueError("no items")  # noqa: B904
    return x


class Lock:
    def __init__(self):
        self.held = []
        self.depth = 0

    def __enter__(self):
        self.depth += 1

    def __exit__(self, *error):
        self.depth -= 1
        self.held.append(self.depth)

    def __eq__(self, other):
        return self.held == other.held


def held(x):
    lock = Lock()
    try:
        found = locked(lock, x)
    except ValueError as error:
        found = error.args
    return found, lock.held


def unbound(x, y):
    if x:
        z = y
    return z


def generators(x, y):
    a, b, c = x
    for i, j in zip(a, y):
        b += i * j
    return b, [i for i in enumerate(c)], isinstance(b, int)


def depth(x):
    return max([0] + [depth(y) for y in x]) + 1


def spread(f, xs):
    return f(*xs), f(*[x for x in xs])


def rows(x, y):
    found = []
    for a, b in zip(x, y):
        if a is None:
            continue
        found.append((b, a))
    for a, b, c in zip(found, x, (1, 2, 3)):
        found.append((a, b, c))
        if len(found) >= 2 * LIMIT:
            break
    pairs = [(b, a) for a, b in zip(x, y) if a]
    counted = [(i, b) for i, b in enumerate(y) if i != 1]
    for i, item in enumerate(pairs):
        counted.append((item, i))
    return found, pairs, counted, [p for p in zip(pairs, pairs)], x[0], x[2]


def places(table, key, items):
    kept = table.setdefault(key, [])
    kept.append(items)
    items.clear()
    table.setdefault(key, None).append(len(items))
    return table, items


def growing(x, count):
    found, rest = [x, [], [x, x]], []
    while len(rest) < count:
        rest.append([len(rest)])
        found.append(rest)
    return found, rest, [], [x + 1, x - 1]


def alike(x, y):
    found = identical([x, y], (x, y)), identical([x, y], [y, x])
    return identical(x, y), found, 1 if identical(x, [z for z in x]) else 0


def scopes(x, y):
    z = [x for x in y]
    return x, z, (y, [y for y in y]), [z for z in [z for z in z if z]], [x for (x, y) in [(1, 2)]], y


def recursion(n, seen):
    seen.append(n)
    return n if n < 2 else recursion(n - 1, seen) + recursion(n - 2, seen)


def unseen(x, y):
    made = Pair(x, y)
    untrack(made)
    return made


def seen(x):
    track(x)
    return x


OWN = threading.local()
ASKED: list[int] = []


def own() -> Any:
    ASKED.append(threading.get_ident())
    return OWN.__dict__.setdefault("pair", Pair(0))


def count(step):
    own().first += step
    return own()


OPERATORS = {(Quick, "__mul__"): (joined, ("mul",)), (Quick, "__rmul__"): (joined, ("rmul",)),
             (Quick, "__sub__"): (joined, ("sub",)), (Quick, "__imul__"): (grown, ("imul",))}
FUNCTIONS = [growing, alike, rows, places, joined, grown, unseen, seen, count, arithmetic, choices, loops, slots,
             handlers, unbound, generators, scopes, recursion, depth, spread, locked, held]
METHODS = {(Pair, "__init__"): Pair.__init__, (Pair, "swap"): Pair.swap}
CASES = [
    (arithmetic, (3, 4)), (arithmetic, (2.5, -1)), (arithmetic, (1, 0)), (arithmetic, ("a", 2)),
    (arithmetic, (1 << 70, 3)),
    (choices, (None, 1)), (choices, (3, 0)), (choices, (1, 2)), (choices, (5, 7)), (choices, (0, 3)), (choices, (9, 9)),
    (choices, (2.0, [])), (choices, ("x", 1)),
    (loops, ([1, None, 0, 2, 3], 3)), (loops, ((4, 5), 9)), (loops, (iter("abc"), 2)), (loops, ({}, 0)),
    (loops, (5, 1)), (loops, ([], "a")),
    (slots, (1, {1: 2})), (slots, ([], {})), (slots, ("absent", {})), (slots, (None, [])),
    (handlers, (1, {1: 2})), (handlers, ("k", {})), (handlers, (Pair(3), {})), (handlers, ([], {})),
    (rows, ([1, None, 0, 2, 3], (4, 5, 6))), (rows, ("abc", [1, 2, 3])), (rows, ([1, 2], [3, 4])), (rows, ([], [])),
    (rows, ((1, 2, 3), iter("abc"))), (rows, (1, [])), (rows, ({0: 1, 2: 3}, [4])), (places, ({}, "k", [1, 2])),
    (places, ({"k": ()}, "k", [])), (places, ({}, [], [1])), (places, ([], 1, [2])), (places, ({}, 1, (2, 3))),
    (growing, (1, 0)), (growing, (2.5, 70)), (growing, ("a", 3)), (growing, (1, "a")),
    (alike, ([], ())), (alike, ([None, 1], (None, 1))), (alike, ((1, "x"), [1.0, "x"])),
    (alike, ([None], [None, None])), (alike, ((), [()])), (alike, ([[]], [[]])), (alike, ((1 << 70, 2), (1 << 70, 2))),
    (scopes, (1, [2, 3])), (scopes, (1, 2)), (spread, (max, [1, 3])),
    (spread, (max, iter("abc"))), (spread, (len, ())), (spread, (3, [1])),
    (spread, (max, 5)),
    (held, (1,)), (held, (2,)), (held, ("a",)),
    (unbound, (1, 2)), (unbound, (0, 2)),
    (generators, (([1, 2], 3, "ab"), (4, 5))), (generators, ((1, 2), ())), (generators, ([(1,), 2.5, ()], [3])),
    (generators, (7, 7)), (recursion, (9, [])), (recursion, (1, None)),
]


@pytest.fixture(scope="module")
def compiled():
    functions = [*FUNCTIONS, *METHODS.values()]
    return dict(zip(functions, compile_functions(functions, methods=METHODS, slotted=[Pair], per_thread=[own],
                                             operators=OPERATORS)))


def _outcome(function: Any, arguments: tuple) -> Any:
    try:
        return function(*arguments)
    except Exception as error:
        return type(error)


def _fresh(arguments: tuple) -> tuple:
    """The arguments, with those that a call would consume or change made anew."""
    return tuple([iter("abc") if hasattr(a, "__next__") else copy.deepcopy(a) if type(a) in (list, dict) else a
                  for a in arguments])


@pytest.mark.parametrize(("function", "arguments"), CASES)
def test_it_gives_and_raises_what_python_does(compiled, function, arguments):
    wanted = _outcome(function, _fresh(arguments))
    assert _outcome(compiled[function], _fresh(arguments)) == wanted


@pytest.mark.sweep(sample=16)
@pytest.mark.parametrize(("function", "arguments"), CASES)
def test_it_keeps_no_reference_and_loses_none(compiled, function, arguments):
    def counts() -> list[int]:
        return [sys.getrefcount(a) for a in arguments] + [sys.getrefcount(t) for t in (Pair, Other, KeyError)]

    run = compiled[function]
    for _ in range(3):
        _outcome(run, _fresh(arguments))
    gc.collect()
    before, objects = counts(), len(gc.get_objects())
    for _ in range(200):
        _outcome(run, _fresh(arguments))
    gc.collect()
    assert all(abs(now - then) < 100 for now, then in zip(counts(), before))  # other code references small numbers too
    assert len(gc.get_objects()) - objects < 100


def test_the_collector_does_not_see_what_is_untracked(compiled):
    made = compiled[unseen](1, [])
    assert not gc.is_tracked(made)
    assert compiled[seen](compiled[seen](made)) is made
    assert gc.is_tracked(made)
    made.second = made
    before = len(gc.get_objects())
    del made
    gc.collect()
    assert len(gc.get_objects()) < before


def test_what_a_thread_has_of_its_own_is_asked_for_once_in_a_row(compiled):
    run = compiled[count]
    mine = run(1)
    ASKED.clear()
    for _ in range(5):
        assert run(2) is mine
    assert ASKED == [] and mine.first == 11
    theirs: list[Any] = []
    thread = threading.Thread(target=lambda: theirs.extend([run(5), run(5)]))
    thread.start()
    thread.join()
    assert theirs[0] is theirs[1] is not mine and theirs[0].first == 10
    assert len(ASKED) == 1
    assert run(0) is mine and len(ASKED) == 2


def _applied(term: Any, other: Any, apply: Any) -> Any:
    try:
        made = apply(term, other)
    except TypeError as error:
        return str(error).replace("Quick", "Term")
    return [x.first if isinstance(x, Term) else x for x in (made if type(made) is tuple else (made,))]


@pytest.mark.parametrize("apply", [
    lambda t, x: t * x, lambda t, x: x * t, lambda t, x: t - x, lambda t, x: x - t, lambda t, x: t * t,
    lambda t, x: operator.imul(t, x), lambda t, x: type(t).__mul__(t, x)])
@pytest.mark.parametrize("other", [2, 2.5, True, "text", [1], None])
def test_an_operator_means_what_its_methods_do(compiled, apply, other):
    assert type(compiled[joined]).__name__ == "builtin_function_or_method"
    assert _applied(Quick(1), other, apply) == _applied(Term(1), other, apply)


def test_an_operator_leaves_subclasses_alone(compiled):
    quick, derived = Quick(1), Derived(2)
    assert quick * derived == ("derived", derived, quick)
    assert derived * quick == ("mul", derived, quick)
    assert 3 * derived == ("derived", derived, 3)
    assert derived - quick == ("sub", derived, quick)


def test_a_method_written_anew_undoes_a_shortcut(compiled, monkeypatch):
    quick = Quick(1)
    assert quick * 2 == ("mul", quick, 2)
    monkeypatch.setattr(Quick, "__mul__", lambda self, other: "new")
    assert (quick * 2, quick * quick) == ("new", "new")


def test_an_operator_keeps_no_reference(compiled):
    quick, other = Quick(1), 2.5
    before = sys.getrefcount(quick), sys.getrefcount(other), sys.getrefcount(Quick)
    for _ in range(50):
        _ = quick * other, other * quick, quick - quick, quick * [1]
    del _
    assert (sys.getrefcount(quick), sys.getrefcount(other), sys.getrefcount(Quick)) == before


def test_endless_recursion_is_an_error_and_no_crash(compiled):
    nested = []
    nested.append(nested)

    with pytest.raises(RecursionError):
        compiled[depth](nested)
    assert compiled[depth]([[], [[]]]) == 3


@pytest.mark.parametrize("arguments, keywords", [
    ((), {}), ((1,), {}), ((1, 2, 3), {}), ((1,), {"z": 2}), ((1, 2), {"x": 1})])
def test_wrong_arguments_are_pythons_own_type_error(compiled, arguments, keywords):
    with pytest.raises(TypeError) as want:
        arithmetic(*arguments, **keywords)
    with pytest.raises(TypeError) as found:
        compiled[arithmetic](*arguments, **keywords)
    assert str(found.value) == str(want.value) != ""


def test_arguments_are_taken_by_name(compiled):
    assert compiled[arithmetic](x=7, y=2) == compiled[arithmetic](7, y=2) == compiled[arithmetic](7, 2)
    assert compiled[Pair.swap](Pair(1, 2), times=2).first == 1


def test_what_users_call_takes_keywords_once_it_is_compiled(jit_mode):
    if jit_mode == "never":
        pytest.skip("recording stays Python's")
    from tracer.native_recording import compile_all

    compile_all()
    x = np.array([1.0, 2.0])
    x.attach_grad()
    with autograd.record():
        y = x * x
    autograd.backward([y], head_grads=[np.array([1.0, 3.0])], retain_graph=True)
    assert x.grad.tolist() == [2, 12]
    autograd.backward(heads=[y], train_mode=True)
    assert x.grad.tolist() == [2, 4]
    with pytest.raises(TypeError, match="unexpected keyword argument 'retain'"):
        autograd.backward([y], retain=True)


def test_a_default_is_filled_in(compiled):
    made = Pair(1, 2)
    assert compiled[Pair.swap](made).first == 2
    assert compiled[Pair.swap](made, 2).first == 2


def test_what_is_outside_of_the_subset_is_refused_by_name():
    def deletes(x):
        del x

    def leaves(x):
        with x:
            return 1

    with pytest.raises(CannotCompile, match="deletes: Delete in line"):
        compile_functions([deletes])
    with pytest.raises(CannotCompile, match="leaves: another way out of with"):
        compile_functions([leaves])


def test_the_second_time_nothing_is_compiled(compiled, monkeypatch):
    from tracer.jit.cpython import unit

    monkeypatch.setattr(unit.Unit, "compile", lambda self, symbol: pytest.fail("compiled again"))
    functions = [*FUNCTIONS, *METHODS.values()]
    again = compile_functions(functions, methods=METHODS, slotted=[Pair], per_thread=[own],
                              operators=OPERATORS)
    assert again[FUNCTIONS.index(arithmetic)](3, 4) == arithmetic(3, 4)


def test_the_layout_that_is_read_is_the_one_there_is():
    offsets = layout.slots_of(Other)
    assert set(offsets) == {"first", "second"}
    assert offsets["second"] - offsets["first"] == 8


@pytest.mark.parametrize("mode", ["never", "always"])
def test_recording_is_compiled_where_kernels_are(mode):
    """Each runs in its own process: in this one, tests of other tiers may have compiled recording already."""
    script = ("from tracer import np; from tracer.core import invoke; x = np.ones((2,)); (x * 2 + x).wait_to_read(); "
              "print(type(invoke.invoke).__name__)")
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "TRACER_JIT": mode}, check=True,
                          stdout=subprocess.PIPE, text=True)
    assert done.stdout.split() == ["builtin_function_or_method" if mode == "always" else "function"]


def test_explain_says_why_recording_stays_in_python():
    """At 2efff1d's parent one statement outside the subset made recording three times as slow, without a message."""
    script = ("from tracer import explain, native_recording; from tracer.ops.ir.errors import CannotCompile\n"
              "from tracer.jit.cpython import unit\n"
              "def refuse(*_, **__): raise CannotCompile('flush: Try in line 7')\n"
              "unit.compile_functions = refuse; native_recording.compile_all(); print(explain())")
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "TRACER_JIT": "auto"}, check=True,
                          stdout=subprocess.PIPE, text=True)
    assert "recording: by Python, as it cannot be compiled: flush: Try in line 7" in done.stdout


_RECORDS = """
import sys, time
from tracer import explain, native_recording, np
from tracer.core import invoke
x = np.ones(2)
def go(values):
    for _ in range(values // 100 + 1):
        for _ in range(100):
            y = x + x
        y.wait_to_read()
    return type(invoke.invoke).__name__
def said():
    return next(line for line in explain().split("\\n") if line.startswith("recording"))
"""


def _recording(script, folder, **variables):
    environment = {**os.environ, "TRACER_RECORDER": "auto", "TRACER_JIT": "auto", "TRACER_CACHE": str(folder)}
    done = subprocess.run([sys.executable, "-c", _RECORDS + script], env=environment | variables, capture_output=True,
                          text=True)
    return done.stdout.splitlines() or done.stderr.splitlines()[-1:]


def test_the_recorder_is_compiled_in_the_background_and_loaded_soon(tmp_path):
    """A process of 20,000 values gets it once another has compiled it, and the next process at once."""
    first = _recording("""
assert go(1) == "function" and said() == "recording: by Python, until 4,096 values have been recorded", said()
end = time.time() + 120
assert go(20_000) == "function", "nothing has compiled it"
assert said() == "recording: by Python; it is being compiled in the background", said()
while go(native_recording.ENOUGH) == "function" and time.time() < end:
    time.sleep(0.1)
print(go(1), said().partition(" in ")[0], (x * x + x).asnumpy().tolist())
counted = native_recording._recorded
go(100)
assert native_recording._recorded == counted, "the compiled flush still counts what is recorded"
""", tmp_path)
    assert first == ["builtin_function_or_method recording: compiled, ready [2.0, 2.0]"]
    assert _recording("go(1); print(go(native_recording.ENOUGH))", tmp_path) == ["builtin_function_or_method"]


def test_a_setting_says_who_records(tmp_path):
    script = "print(go(5000), said().partition(' in ')[0])"
    assert _recording(script, tmp_path, TRACER_RECORDER="compiled") == [
        "builtin_function_or_method recording: compiled, ready"]
    assert _recording(script, tmp_path, TRACER_RECORDER="python") == [
        "function recording: by Python, as TRACER_RECORDER or TRACER_JIT says"]
    assert _recording(script, tmp_path, TRACER_RECORDER="C") == [
        "ValueError: TRACER_RECORDER='C': must be one of auto, python, compiled"]
    assert _recording(script, "") == ["function recording: by Python: no folder keeps machine code"]
