"""Forms of the products of `np` and `nd`."""
from __future__ import annotations

from ..draws import BOUND, Program, Refused, Var
from .common import Form, bare, call, full, wanted


def product(p: Program, name: str) -> str:
    function = bare(name)
    v = p.operand("product", lambda v: v.ndim > 0 and v.is_float)
    if function in ("outer", "kron", "vdot"):
        w = p.operand("product", lambda w: w.dtype == v.dtype and w.array.size * v.array.size <= BOUND
                      and (function != "vdot" or w.array.size == v.array.size))
        return f"{name}({v.name}, {w.name})"
    if function == "inner":
        w = p.operand("product", lambda w: w.dtype == v.dtype and w.ndim > 0 and w.shape[-1] == v.shape[-1])
        return f"{name}({v.name}, {w.name})"
    if function == "einsum":
        return einsum(p, v)
    if function == "tensordot":
        w = p.operand("product", lambda w: w.dtype == v.dtype and w.ndim > 0 and w.shape[0] == v.shape[-1])
        return f"{name}({v.name}, {w.name}, axes={p.d.pick(['1', f'([{v.ndim - 1}], [0])'])})"
    inner = v.shape[-1]
    first = 0 if p.flavour == "nd" else -2
    fits = [w for w in p.vars if w.dtype == v.dtype and w.ndim > 0 and w.shape[first if w.ndim > 1 else 0] == inner]
    turned = [w for w in p.vars if w.dtype == v.dtype and w.ndim == 2 and w.shape[-1] == inner]
    if turned and (not fits or p.d.flag(40)):
        w = p.operand("product", lambda w: w in turned)
        return f"{name}({v.name}, {w.name}{', transpose_b=True' if p.flavour == 'nd' else '.T'})"
    w = p.operand("product", lambda w: w in fits)
    if function == "matmul" and p.d.flag(50):
        return f"{v.name} @ {w.name}"
    return call(p, name, v.name, w.name)


def einsum(p: Program, v: Var) -> str:
    forms = {1: ["i,j->ij", "i,j->ji", "i,i->i", "i,i->"], 2: ["ij,jk->ik", "ij,jk->ki", "ij,jk->k", "ij,jk->",
                                                              "ij,jk->ijk", "ij,ij->i", "ij,kj->ik"],
             3: ["ijk->kji", "ijk->ik", "ijk->j", "ijk->"]}.get(v.ndim)
    if forms is None:
        raise Refused("rank")
    form = p.d.pick(forms)
    if v.ndim == 3:
        return f"np.einsum({form!r}, {v.name})"
    w = p.operand("product", lambda w: w.dtype == v.dtype and w.ndim == v.ndim and all(
        v.shape[form.index(c)] == n for c, n in zip(form[v.ndim + 1:2 * v.ndim + 1], w.shape) if c in form[:v.ndim]))
    return f"np.einsum({form!r}, {v.name}, {w.name})"


PRODUCTS = "dot matmul tensordot inner outer vdot kron einsum"


def batched(p: Program, name: str) -> str:
    v = wanted(p, "product", lambda v: v.ndim == 3 and v.is_float, [p.d.pick(p.dims), 2, p.d.pick(p.dims)])
    turn = p.d.flag(50)
    batch, _, k = v.shape
    w = wanted(p, "product", lambda w: w.dtype == v.dtype and w.ndim == 3 and w.shape[0] == batch
               and w.shape[2 if turn else 1] == k, [batch, 3, k] if turn else [batch, k, 3], str(v.dtype))
    return f"{name}({v.name}, {w.name}{', transpose_b=True' if turn else ''})"


def khatri(p: Program, name: str) -> str:
    v = p.operand("product", lambda v: v.ndim == 2 and v.is_float)
    w = p.operand("product", lambda w: w.dtype == v.dtype and w.ndim == 2 and w.shape[1] == v.shape[1])
    return f"{name}({v.name}, {w.name})"


KINDS: dict[str, list[tuple[int, Form, list[str]]]] = {
    "np": [(10, product, full("np", PRODUCTS)), (1, batched, ["npx.batch_dot"])],
    "nd": [(8, product, ["nd.dot"]), (2, batched, ["nd.batch_dot"]), (1, khatri, ["nd.khatri_rao"])]}
