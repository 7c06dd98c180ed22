"""NumPy's removed names: the answers of NumPy 1.23.5, the last version that had nearly all of them."""
from __future__ import annotations

import numpy as np
import pytest

from tracer.shims import numpy_names

pytestmark = pytest.mark.tierless

NAMES = numpy_names.names()


def test_aliases_of_pythons_types():
    for name, meant in {"bool": bool, "int": int, "float": float, "complex": complex, "object": object, "str": str,
                        "long": int, "unicode": str}.items():
        assert NAMES[name] is meant
    for name, dtype in {"float_": "f8", "complex_": "c16", "bool8": "?", "int0": np.intp, "string_": "S",
                        "unicode_": "U", "singlecomplex": "c8", "object0": "O"}.items():
        assert np.dtype(NAMES[name]) == np.dtype(dtype)


def test_numbers():
    assert NAMES["Inf"] == NAMES["Infinity"] == NAMES["infty"] == NAMES["PINF"] == np.inf and NAMES["NINF"] == -np.inf
    assert np.isnan(NAMES["NaN"]) and np.signbit(NAMES["NZERO"]) and not np.signbit(NAMES["PZERO"])
    assert NAMES["math"].sqrt(4) == 2


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("name, arguments, answer", [
    ("product", ([2, 3],), 6), ("cumproduct", ([2, 3],), [2, 6]), ("alltrue", ([1, 0],), False),
    ("sometrue", ([1, 0],), True), ("row_stack", ([[1], [2]],), [[1], [2]]), ("round_", (2.567, 1), 2.6),
    ("msort", ([[3, 1], [2, 4]],), [[2, 1], [3, 4]]), ("rank", ([[1]],), 2), ("trapz", ([1, 2, 3],), 4.0),
    ("in1d", ([[1, 2], [3, 1]], [1, 3]), [True, False, True, True]),
    ("in1d", ([1, 2], [1], False, True), [False, True]),
    ("asfarray", ([1, 2],), [1.0, 2.0]), ("asscalar", (np.array([5]),), 5), ("mat", ([1, 2],), [[1, 2]]),
])
def test_functions(name, arguments, answer):
    made = (NAMES.get(name) or getattr(np, name))(*arguments)  # np.trapz had no successor before NumPy 2
    assert np.asarray(made).tolist() == answer and np.asarray(made).shape == np.asarray(answer).shape


@pytest.mark.parametrize("dtype, made", [("float32", "float32"), ("int32", "float64"), (np.float64, "float64")])
def test_asfarray_is_of_floating_point_numbers(dtype, made):
    assert NAMES["asfarray"]([1, 2], dtype).dtype == made


def test_questions_about_types():
    assert NAMES["obj2sctype"]("f4") is np.float32 and NAMES["obj2sctype"](np.array([1.0])) is np.float64
    assert NAMES["obj2sctype"](object()) is None and NAMES["obj2sctype"]("nothing", 3) == 3
    assert NAMES["issubsctype"]("S8", str) is False and NAMES["issubsctype"](np.array([1.0]), np.float64)
    assert NAMES["issubclass_"](np.int32, int) is False and not NAMES["issubclass_"](3, int)
    assert NAMES["cast"]["float32"]([1, 2]).dtype == "float32" and NAMES["cast"][int](2.7) == 2
    assert np.float32 in NAMES["sctypes"]["float"] and NAMES["typeDict"]["float32"] is np.float32


@pytest.mark.parametrize("arrays, scalars, made", [
    ([], [np.int64, np.float32, complex], "c16"), ([np.float32], [np.int64, np.float64], "f4"),
    ([np.float32], [complex], "c16"), (["f4", "f4", "i4"], ["c8"], "c16"), ([np.int32], [np.float32], "f8"),
    ([np.int8, np.int32], [], "i4"), ([np.uint8], [np.int64], "i8"), ([np.int32], [np.uint8], "i4"),
    ([np.uint8], [bool], "u1"),
])
def test_common_types(arrays, scalars, made):
    assert NAMES["find_common_type"](arrays, scalars) == np.dtype(made)


def test_warnings_and_errors_are_classes():
    for name in ("AxisError", "ComplexWarning", "VisibleDeprecationWarning"):
        assert issubclass(NAMES[name], Exception)
