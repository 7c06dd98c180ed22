"""Compiled functions at their limits: lists that a finalizer changes during a call, and endless recursion.

Each runs in its own process, since a fault here ends the process.
"""
from __future__ import annotations

import subprocess
import sys

import pytest

from tracer.jit.cpython import layout

pytestmark = [pytest.mark.tierless, pytest.mark.skipif(not layout.sound(), reason="objects are laid out otherwise")]


def run(tmp_path, source: str) -> str:
    """The output of a script, run from a file so that its functions have sources."""
    script = tmp_path / "script.py"
    script.write_text(source)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout


STARRED = """
import gc
from tracer.jit.cpython.unit import compile_functions

def key(first, rest):
    return (first, *rest)

class Finalized:
    def __init__(self, items):
        self.items, self.itself = items, self
    def __del__(self):
        {change}

(key_compiled,) = compile_functions([key])
gc.disable()
for size in (1, 30, 50, 1000):
    items = list(range(size))
    before = tuple(items)
    Finalized(items)
    gc.set_threshold(1)
    gc.enable()
    made = key_compiled(-1, items)
    gc.disable()
    gc.collect()
    assert made in ((-1, *before), (-1, *items)), (size, len(made))
print("done")
"""


@pytest.mark.parametrize("change", ["self.items.extend([7] * 100_000)", "self.items.clear()", "del self.items[1:]"])
def test_a_starred_tuple_s_list_may_change_while_the_tuple_is_allocated(tmp_path, change):
    assert run(tmp_path, STARRED.format(change=change)) == "done\n"


ZIPPED = """
from tracer.jit.cpython.unit import compile_functions

def pairs(xs, ys, found):
    i = 0
    for x, y in zip(xs, ys):
        found.append(y)
        xs[i] = None
        i += 1
    return found

class Finalized:
    def __init__(self, others):
        self.others = others
    def __del__(self):
        self.others.clear()

def first(function):
    ys = list(range(1000))
    return function([Finalized(ys) for _ in range(1000)], ys, [])

(compiled,) = compile_functions([pairs])
print(first(pairs)[0], first(compiled)[0], len(first(compiled)) <= 2)
"""


def test_a_list_of_a_zip_may_change_when_the_other_s_item_is_dropped(tmp_path):
    assert run(tmp_path, ZIPPED) == "0 0 True\n"


RECURSIVE = """
from tracer.jit.cpython.unit import compile_functions

def even(items):
    return True if not items else odd(items[0])

def odd(items):
    return False if not items else third(items[0])

def third(items):
    return None if not items else even(items[0])

class Tree:
    __slots__ = ("inner",)
    def __init__(self, inner):
        self.inner = grown(inner)
    def depth(self, more):
        return self.walk(more)
    def walk(self, more):
        return self.inner.depth(more)
    def __mul__(self, other):
        return product(self, other)

def grown(inner):
    return Tree(inner)

def product(x, y):
    return turned(y, x)

def turned(x, y):
    return y * x

endless = []
endless.append(endless)
functions = [even, odd, third, grown, product, turned, Tree.__init__, Tree.depth, Tree.walk]
made = dict(zip(functions, compile_functions(
    functions, slotted=[Tree], operators={{(Tree, "__mul__"): (product, ())}},
    methods={{(Tree, name): vars(Tree)[name] for name in ("__init__", "depth", "walk")}})))
assert made[even]([[[[]]]]) is even([[[[]]]]) is True
tree = Tree.__new__(Tree)
tree.inner = tree
for _ in range(3):
    try:
        {call}
    except RecursionError:
        print("RecursionError")
"""


@pytest.mark.parametrize("call", ["made[even](endless)", "made[third](endless)", "made[grown](1)",
                                  "made[Tree.depth](tree, 1)", "tree * tree", "made[turned](tree, tree)"])
def test_functions_that_call_each_other_without_end_raise(tmp_path, call):
    assert run(tmp_path, RECURSIVE.format(call=call)) == "RecursionError\n" * 3
