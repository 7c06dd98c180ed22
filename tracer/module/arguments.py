"""Arguments of a group of executors, in the form that single executors take."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..context import Context

__all__: list[str] = []


def _requests(grad_req: Any, arg_names: Sequence[str], param_names: Sequence[str], data_names: Sequence[str],
              fixed_param_names: Sequence[str], inputs_need_grad: bool) -> dict[str, str]:
    """The gradient request of each argument: labels and fixed parameters have none, data if asked for.

    grad_req: one for all, a list of one an argument, or a dictionary, which takes precedence over "write".

    ValueError for anything else.
    """
    if isinstance(grad_req, (list, tuple)):
        assert len(grad_req) == len(arg_names), f"{len(grad_req)} gradient requests for {len(arg_names)} arguments"
        return dict(zip(arg_names, grad_req))
    if not isinstance(grad_req, (str, dict)):
        raise ValueError(f"grad_req must be one of str, list, tuple, or dict, got {type(grad_req).__name__}.")
    usual = grad_req if isinstance(grad_req, str) else "write"
    found = {}
    for name in arg_names:
        wanted = name not in fixed_param_names if name in param_names else name in data_names and inputs_need_grad
        found[name] = usual if wanted else "null"
    return found if isinstance(grad_req, str) else {**found, **grad_req}


def _prepare_group2ctxs(group2ctxs: Any, ctx_len: int) -> list[Any]:
    """For each device the contexts by `ctx_group`.

    group2ctxs: a list of that form, or a dictionary of a context or a list of contexts by `ctx_group`, or None.

    AssertionError for lists of other lengths, and anything else.
    """
    if group2ctxs is None:
        return [None] * ctx_len
    if isinstance(group2ctxs, list):
        assert len(group2ctxs) == ctx_len, f"length of group2ctxs should be {ctx_len}"
        return group2ctxs
    assert isinstance(group2ctxs, dict), \
        "group2ctxs should be list of dict of str to context, or dict of str to context or list of context"
    found: list[dict[str, Any]] = [{} for _ in range(ctx_len)]
    for name, given in group2ctxs.items():
        contexts = [given] if isinstance(given, Context) else given
        if len(contexts) == 1:
            contexts = contexts * ctx_len
        assert len(contexts) == ctx_len, f"length of group2ctxs[{name}] should be {ctx_len} or 1"
        for one, context in zip(found, contexts):
            one[name] = context
    return found
