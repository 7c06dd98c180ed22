"""Forms of the functions of matrices."""
from __future__ import annotations

from typing import Any

from ..draws import Program, Refused
from .common import Form, bare, floats, full, wanted, words

SQUARE, ANY = "det slogdet inverse potrf potri sumlogdiag trmm trsm", "gemm2 gemm syrk extractdiag makediag"


def square(p: Program, name: str) -> str:
    """Functions of square matrices that are well conditioned: x x^T + c."""
    function = bare(name).removeprefix("linalg_")
    v = wanted(p, "product", lambda v: v.is_float and 2 <= v.ndim <= 3 and 0 < v.array.size and max(v.shape[-2:]) < 6
               and v.dtype != "float16", p.d.pick([(3, 3), (2, 3), (2, 2, 2), (1, 1), ("n", 2, 2)]))
    n = v.shape[-2]
    gram = (f"np.matmul({v.name}, np.swapaxes({v.name}, -1, -2))" if p.flavour == "np" else
            f"nd.linalg.gemm2({v.name}, {v.name}, transpose_b=True)")
    base = f"({gram} * 0.125 + {p.flavour}.array(onp.eye({n}) * 2, dtype={str(v.dtype)!r}))" if p.flavour == "np" else (
        f"nd.broadcast_add({gram} * 0.125, nd.array(onp.eye({n}).reshape({(1,) * (v.ndim - 2) + (n, n)}) * 2, "
        f"dtype={str(v.dtype)!r}))")
    if function in ("solve", "trsm", "trmm"):
        return f"{name}({base}, {v.name})"
    if function == "matrix_power":
        return f"{name}({base}, {p.d.pick([2, 1, 3, -1])})"
    return f"{name}({base})"


def matrices(p: Program, name: str) -> str:
    """Functions of any matrices."""
    function = bare(name).removeprefix("linalg_")
    rank = 1 if function == "makediag" else 2
    v = wanted(p, "product", lambda v: v.is_float and rank <= v.ndim <= 3 and v.array.size > 0, (2, 3, 3))
    if function == "syrk":
        return f"{name}({words(v.name, transpose=p.d.flag(50), alpha=p.d.pick([1.0, 0.5]))})"
    if function in ("gemm2", "gemm"):
        w = p.operand("product", lambda w: w.dtype == v.dtype and w.ndim == v.ndim and w.shape[:-2] == v.shape[:-2]
                      and w.shape[-1] == v.shape[-1])
        third = [f"nd.linalg.gemm2({v.name}, {w.name}, transpose_b=True)"] if function == "gemm" else []
        return f"{name}({words(v.name, w.name, *third, transpose_b=True, alpha=0.5)})"
    if function == "svdvals" and (max(v.shape) > 5 or v.dtype == "float16"):
        raise Refused("large")
    if function == "extractdiag" and v.shape[-1] != v.shape[-2]:
        raise Refused("shape")
    return f"{name}({v.name})"


def np_norm(p: Program, name: str) -> str:
    function = bare(name)
    v = floats(p, "reduction", 2 if function == "matrix_norm" else 1)
    if function == "norm" and p.d.flag(20):
        return f"{v.name}.norm()"
    if function == "matrix_norm" or v.ndim > 1 and function == "norm" and p.d.flag(30):
        axis: Any = tuple(p.d.sample(range(v.ndim), 2))
        ord: Any = p.d.pick(["fro", 1, -1, float("inf")])
    else:
        axis, ord = p.axis(v.ndim), p.d.pick([2, 1, 3, 0, float("inf"), -float("inf")])
    text = words(v.name, ord=ord, axis=axis, keepdims=p.d.flag(30))
    return f"{name}({text})".replace("=inf", "=np.inf").replace("=-inf", "=-np.inf")


def vectors(p: Program, name: str) -> str:
    v = floats(p, "product", 1)
    if bare(name) == "tensordot":
        w = p.operand("product", lambda w: w.dtype == v.dtype and w.ndim > 0 and w.shape[0] == v.shape[-1])
        return f"{name}({v.name}, {w.name}, axes=1)"
    w = p.operand("product", lambda w: w.dtype == v.dtype and w.shape == v.shape)
    if bare(name) == "cross" and v.shape[-1] != 3:
        raise Refused("shape")
    return f"{name}({v.name}, {w.name})"


KINDS: dict[str, list[tuple[int, Form, list[str]]]] = {
    "np": [(1, square, full("np.linalg", "inv det slogdet solve cholesky eigvalsh matrix_power")),
           (1, matrices, full("np.linalg", "svdvals matrix_transpose diagonal trace")),
           (2, np_norm, full("np.linalg", "norm vector_norm matrix_norm")),
           (1, vectors, ["np.cross", *full("np.linalg", "vecdot cross outer tensordot")])],
    "nd": [(1, square, [*full("nd.linalg", SQUARE), *(f"nd.linalg_{name}" for name in SQUARE.split())]),
           (2, matrices, [*full("nd.linalg", ANY), *(f"nd.linalg_{name}" for name in ANY.split())])]}
