"""`nd.Custom` with sparse arrays: storage types, gradients and errors of MXNet 1.9.1."""
from __future__ import annotations

import numpy
import pytest

from tracer import autograd, nd, operator
from tracer.base import MXNetError

pytestmark = pytest.mark.native_sample(3)

DENSE = [[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]]
#: The calls of the present test: of `forward`, `infer_storage_type_backward` and `backward`, with storage types.
LOG: list[tuple] = []


def stypes(arrays):
    return [x.stype for x in arrays]


class Double(operator.CustomOp):
    """Two times the first argument."""

    def forward(self, is_train, req, in_data, out_data, aux):
        LOG.append(("forward", stypes(in_data), stypes(out_data)))
        x = in_data[0]
        self.assign(out_data[0], req[0], (x if x.stype == out_data[0].stype else x.tostype("default")) * 2)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        LOG.append(("backward", *map(stypes, (out_grad, in_data, out_data, in_grad))))
        self.assign(in_grad[0], req[0], out_grad[0] * 2)


def declare(name, forward, backward=None):
    class Prop(operator.CustomOpProp):
        def create_operator(self, ctx, in_shapes, in_dtypes):
            return Double()

    def heard(self, *given):
        LOG.append(("infer", *[list(x) for x in given]))
        return backward(*given)

    if forward:
        Prop.infer_storage_type = lambda self, given: forward(given)
    if backward:
        Prop.infer_storage_type_backward = heard
    operator.register(f"sparse_{name}")(Prop)


declare("base", None)
declare("forward_only", lambda i: (i, i, []))
declare("both", lambda i: (i, i, []), lambda o, i, u, g, a: (o, i, u, ["default"], a))
declare("to_dense", lambda i: (i, ["default"], []), lambda o, i, u, g, a: (o, i, u, ["default"], a))
declare("want_csr", lambda i: (["csr"], ["csr"], []), lambda o, i, u, g, a: (["csr"], i, u, ["default"], a))
declare("want_dense", lambda i: (["default"], ["default"], []))
declare("too_few", lambda i: (i, [], []))
declare("keep", lambda i: (i, i, []), lambda o, i, u, g, a: (i, i, u, g, a))


@pytest.mark.parametrize("stype", ["csr", "row_sparse"])
@pytest.mark.parametrize("kind, out", [("both", None), ("to_dense", "default")])
def test_outputs_and_gradients(kind, stype, out):
    x = nd.array(DENSE).tostype(stype)
    x.attach_grad(stype="default")
    LOG.clear()
    with autograd.record():
        y = nd.Custom(x, op_type=f"sparse_{kind}")
    assert y.stype == (out or stype) and y.asnumpy().tolist() == (numpy.array(DENSE) * 2).tolist()
    y.backward()
    assert x.grad.stype == "default" and x.grad.asnumpy().tolist() == [[2.0] * 3] * 2
    own, result = [stype], [out or stype]
    assert LOG == [("forward", own, result), ("infer", ["default"], own, result, ["default"], []),
                   ("backward", ["default"], own, result, ["default"])]


def test_without_record_the_structure_is_what_was_written():
    x = nd.array(DENSE).tostype("csr")
    y = nd.Custom(x, op_type="sparse_both")
    assert y.indices.asnumpy().tolist() == [1, 2, 0] and y.indptr.asnumpy().tolist() == [0, 2, 3]
    assert y.data.asnumpy().tolist() == [2, 4, 6]
    assert nd.Custom(x, x.tostype("default") + 1, op_type="two_kinds").asnumpy().tolist() == \
        (numpy.array(DENSE) * 2).tolist()


@operator.register("two_kinds")
class TwoKinds(operator.CustomOpProp):
    def list_arguments(self):
        return ["a", "b"]

    def infer_storage_type(self, in_stype):
        assert in_stype == ["csr", "default"]
        return in_stype, ["csr"], []

    def create_operator(self, ctx, in_shapes, in_dtypes):
        return Double()


@pytest.mark.parametrize("stype", ["csr", "row_sparse"])
def test_gradients_are_sparse_where_the_variable_takes_them_so(stype):
    x = nd.array(DENSE).tostype(stype)
    x.attach_grad()
    with autograd.record():
        y = nd.Custom(x, op_type="sparse_keep")
    LOG.clear()
    y.backward(nd.array([[0, 1, 0], [0, 0, 0]]).tostype(stype))
    assert x.grad.stype == stype and x.grad.asnumpy().tolist() == [[0, 2, 0], [0, 0, 0]]
    assert LOG[-1] == ("backward", [stype], [stype], [stype], [stype])


@pytest.mark.parametrize("kind, stype, message", [
    ("base", "csr", "found non default stype 'csr' for in_stype.0."),
    ("base", "row_sparse", "Please implement infer_storage_type and infer_storage_type_backward interface"),
    ("want_csr", "default", "torage type inconsistent, Provided = default, inferred storage type = csr"),
    ("want_csr", "row_sparse", "torage type inconsistent, Provided = row_sparse, inferred storage type = csr"),
    ("want_dense", "csr", "torage type inconsistent, Provided = csr, inferred storage type = default"),
    ("too_few", "default", "expecting 1 entries .*, got 0"),
])
def test_storage_types_that_do_not_fit(kind, stype, message):
    with pytest.raises(MXNetError, match=message):
        nd.Custom(nd.array(DENSE).tostype(stype), op_type=f"sparse_{kind}")


@pytest.mark.parametrize("kind, stype, grad, message", [
    ("forward_only", "csr", "default", "Provided = csr, inferred storage type = default"),
    ("both", "default", "row_sparse", "Provided = row_sparse, inferred storage type = default"),
    ("both", "csr", "csr", "Provided = csr, inferred storage type = default"),
])
def test_storage_types_of_gradients_that_do_not_fit(kind, stype, grad, message):
    x = nd.array(DENSE).tostype(stype)
    x.attach_grad(stype=grad)
    with autograd.record():
        y = nd.Custom(x, op_type=f"sparse_{kind}")
    with pytest.raises(MXNetError, match=message):
        y.backward()
