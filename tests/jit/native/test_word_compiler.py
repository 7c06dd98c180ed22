"""Functions of machine words: compiled code does the same as Python."""

import ctypes
from types import FunctionType

import numpy as np
import pytest

from tracer.jit.native import linker
from tracer.jit.native.word_compiler import compile_words, emits
from tracer.jit.native.word_intrinsics import as_float, as_word, smaller, store_atomic
from tracer.ops.ir.errors import CannotCompile

pytestmark = pytest.mark.tierless

STEP, HALF = 3, 0.5


def loops(out, x, y):
    total = 0
    for i in range(x):
        for j in range(i, y, STEP):
            total += i * j
            if j > 20:
                break
        else_part = total % 7 if total % 2 == 0 else total // 7
        total = total + else_part
    store_atomic(out, 0, total)
    turns, n = 0, x
    while n != 1 and turns < 1000:
        turns, n = turns + 1, 3 * n + 1 if n & 1 else n >> 1
    store_atomic(out, 1, turns)
    store_atomic(out, 2, n)


def choices(out, x, y):
    if x > y or not (x + 5 >= y):
        store_atomic(out, 0, smaller(x, -y))
    elif x == y:
        store_atomic(out, 0, 100)
    if x:
        store_atomic(out, 1, out[0] - 1)
        if y < 0:
            return
    store_atomic(out, 2, 5)


def note(out, at, value):
    store_atomic(out, at, value | 1 << at)


def calls(out, x, y):
    for at in range(2):
        note(out, at, x * at)
    note(out, 2, y)


def floats(out, x, y):
    number = as_float(x) * HALF - as_float(y)
    number /= 4.0
    if number <= -1.0 and number != as_float(y):
        number = -number + 1.5
    store_atomic(out, 0, as_word(number))


def by_python(function, out, *words):
    """Run a function in Python."""
    bits = {
        "as_float": lambda word: float(np.int64(word).view(np.float64)),
        "as_word": lambda number: int(np.float64(number).view(np.int64)),
        "smaller": min,
        "store_atomic": lambda array, i, value: array.__setitem__(i, value),
        "note": lambda array, i, value: array.__setitem__(i, value | 1 << i),
    }
    FunctionType(function.__code__, {**function.__globals__, **bits})(out, *words)


def by_machine(function, out, *words):
    """Run a function compiled."""
    name = f"words_{function.__name__}"
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)
    kind(linker.link(name, compile_words(function, name)))(out.ctypes.data, *words)


WORDS = [(x, y) for x in (1, 2, 7, 27, 40) for y in (-3, 1, 6, 7, 8, 60)]


@pytest.mark.parametrize("function", [loops, choices, calls])
def test_compiled_words_are_pythons(function):
    for words in WORDS:
        expected, found = np.full(3, -9), np.full(3, -9)
        by_python(function, expected, *words)
        by_machine(function, found, *words)
        np.testing.assert_array_equal(found, expected, str(words))


def test_compiled_floats_are_pythons():
    for x, y in [(0.1, 0.2), (1.0, 30.0), (-5.0, 1e300), (2.0, 1.0)]:
        words = [int(np.float64(v).view(np.int64)) for v in (x, y)]
        expected, found = np.zeros(1, np.int64), np.zeros(1, np.int64)
        by_python(floats, expected, *words)
        by_machine(floats, found, *words)
        assert found == expected


def calls_python(out, x, y):
    print(x)


def mixes(out, x, y):
    store_atomic(out, 0, x + HALF)


def chains(out, x, y):
    if 0 < x < y:
        store_atomic(out, 0, 1)


def stores(out, x, y):
    out[0] = x


def takes_text(out, x, y):
    store_atomic(out, "0", x)


@pytest.mark.parametrize(("function", "named"), [(calls_python, "print"), (mixes, "Add"), (chains, "Compare"),
                                                 (stores, "Subscript"), (takes_text, "'0'")])
def test_what_is_no_function_of_words_is_refused(function, named):
    with pytest.raises(CannotCompile, match=named):
        compile_words(function, "refused")


@emits
def twice(b, x):
    """2 * x."""
    return b.add(x, x)


def test_what_is_emitted_is_not_called_from_python():
    with pytest.raises(TypeError, match="twice"):
        twice(3)
