"""`mx.operator`: operations that a user writes in Python. `mx.nd.Custom` calls them (tracer/ndarray/custom.py)."""
from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .array.nd_array import NDArray
from .array.np_array import ndarray
from .ndarray.custom import REGISTERED
from .symbol.namespaces import GENERATED
from .symbol.operators.facts import CANONICAL
from .symbol.operators.operator import Parameter
from .symbol.operators.registry import OPERATORS, operator_of
from .util import is_np_array

__all__ = ["CustomOp", "CustomOpProp", "NDArrayOp", "NumpyOp", "OperatorArguments", "PythonOp",
           "get_all_registered_operators", "get_operator_arguments", "register"]


class CustomOp:
    """The base of an operation's code: subclass it, and define `forward` and `backward`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/mxnet/operator/index.html

    >>> from tracer import nd, operator
    >>> class Triple(CustomOp):
    ...     def forward(self, is_train, req, in_data, out_data, aux):
    ...         self.assign(out_data[0], req[0], in_data[0] * 3)
    ...     def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
    ...         self.assign(in_grad[0], req[0], out_grad[0] * 3)
    >>> @operator.register("triple")
    ... class TripleProp(operator.CustomOpProp):
    ...     def create_operator(self, ctx, in_shapes, in_dtypes):
    ...         return Triple()
    >>> nd.Custom(nd.array([1, 2]), op_type="triple").asnumpy()
    array([3., 6.], dtype=float32)
    """

    def __init__(self) -> None:
        pass

    def forward(self, is_train: Any, req: Sequence[str], in_data: Sequence[Any], out_data: Sequence[Any],
                aux: Sequence[Any]) -> None:
        """Write the outputs. Subclasses define it.

        is_train: whether this is training, 1 or 0.
        req: for each output, "write", "add" or "null", which `assign` follows.
        in_data, out_data, aux: the arguments, the outputs and the auxiliary states, all arrays.
        """

    def backward(self, req: Sequence[str], out_grad: Sequence[Any], in_data: Sequence[Any], out_data: Sequence[Any],
                 in_grad: Sequence[Any], aux: Sequence[Any]) -> None:
        """Write the gradients of the arguments. Subclasses define it.

        req: for each argument, "write", "add" or "null" (it needs no gradient).
        out_grad: the gradients of the outputs.
        in_data, out_data, aux: as in `forward`.
        in_grad: the arrays to write.

        Arrays that `declare_backward_dependency` leaves out have no shape and no meaning.
        """

    def assign(self, dst: Any, req: str, src: Any) -> None:
        """Write `src` into the array `dst`, or add it, as `req` says."""
        index: Any = () if is_np_array() else slice(None)
        if req in ("write", "inplace"):
            dst[index] = src
        elif req == "add":
            dst[index] += src


class CustomOpProp:
    """The base of an operation's properties: names, shapes and types of its arrays, and the class of its code.

    need_top_grad: whether `backward` uses the outputs' gradients.

    Subclasses take keywords of `mx.nd.Custom`, as strings.

    >>> CustomOpProp().infer_shape([[2, 3]])
    ([[2, 3]], ([2, 3],), ())
    """

    def __init__(self, need_top_grad: bool = True) -> None:
        self.need_top_grad_ = need_top_grad

    def infer_shape(self, in_shape: list[list[int]]) -> Any:
        """The shapes of the arguments, of the outputs (each the first argument's) and of the auxiliary states."""
        return in_shape, (in_shape[0],) * len(self.list_outputs()), ()

    def infer_type(self, in_type: list[Any]) -> Any:
        """The element types of the arguments, of the outputs and of the auxiliary states: the first argument's."""
        return (in_type, [in_type[0]] * len(self.list_outputs()), [in_type[0]] * len(self.list_auxiliary_states()))

    def infer_storage_type(self, in_stype: list[str]) -> Any:
        """The storage types of the arguments, outputs and auxiliary states. AssertionError unless all are dense."""
        self._check_dense("infer_storage_type", "in_stype", in_stype)
        return in_stype, ["default"] * len(self.list_outputs()), ["default"] * len(self.list_auxiliary_states())

    def infer_storage_type_backward(self, ograd_stype: list[str], in_stype: list[str], out_stype: list[str],
                                    igrad_stype: list[str], aux_stype: list[str]) -> Any:
        """The storage types of the backward's arrays. AssertionError unless the gradients' are dense."""
        self._check_dense("infer_storage_type_backward", "ograd_stype", ograd_stype)
        self._check_dense("infer_storage_type_backward", "igrad_stype",
                          ["default" if stype == "undefined" else stype for stype in igrad_stype])
        lists = (ograd_stype, in_stype, out_stype, igrad_stype, aux_stype)
        for one in lists:
            one[:] = ["default"] * len(one)
        return lists

    def _check_dense(self, method: str, name: str, stypes: Sequence[str]) -> None:
        for i, stype in enumerate(stypes):
            assert stype == "default", (
                f"Default {method} implementation doesnt allow non default stypes: found non default stype '{stype}' "
                f"for {name}[{i}]. Please implement infer_storage_type and infer_storage_type_backward interface in "
                "your custom operator if you have non-default input/output stypes")

    def list_outputs(self) -> list[str]:
        """The names of the outputs."""
        return ["output"]

    def list_arguments(self) -> list[str]:
        """The names of the arguments."""
        return ["data"]

    def list_auxiliary_states(self) -> list[str]:
        """The names of the auxiliary states, arrays that the operation may write to."""
        return []

    def declare_backward_dependency(self, out_grad: list[int], in_data: list[int], out_data: list[int]) -> list[int]:
        """The numbers of the arrays that `backward` uses, of those given; without need_top_grad not `out_grad`."""
        return [*(out_grad if self.need_top_grad_ else ()), *in_data, *out_data]

    def create_operator(self, ctx: Any, in_shapes: list[list[int]], in_dtypes: list[int]) -> CustomOp:
        """The operation's code for inputs of given shapes and types (MXNet's numbers of them). Subclasses define it."""
        return CustomOp()


def register(reg_name: str) -> Callable[[Any], Any]:
    """A decorator that registers a class of properties, for `mx.nd.Custom(..., op_type=reg_name)`.

    The operation's code is given np arrays if np's semantics are on now, else nd arrays.
    """
    def registered(prop_cls: Any) -> Any:
        REGISTERED[reg_name] = prop_cls, ndarray if is_np_array() else NDArray
        return prop_cls

    return registered


register("custom_op")(CustomOpProp)


class PythonOp:
    """The base of operations in MXNet's first form, which are made into symbols. Making one warns; use `CustomOp`.

    need_top_grad: whether `backward` uses the outputs' gradients.

    >>> PythonOp(need_top_grad=False).need_top_grad()
    False
    """

    def __init__(self, need_top_grad: bool = True) -> None:
        self.info_ = None
        self.need_top_grad_ = need_top_grad
        warnings.warn("PythonOp has been deprecated. Please use CustomOp", stacklevel=2)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.get_symbol(*args, **kwargs)

    def get_symbol(self, *args: Any, **kwargs: Any) -> Any:
        """The operation as a symbol. Subclasses define it."""
        raise NotImplementedError("Must override this")

    def forward(self, in_data: Sequence[Any], out_data: Sequence[Any]) -> None:
        """Write the outputs: here the arguments themselves. Subclasses define it."""
        out_data[0][:] = in_data[0]

    def backward(self, out_grad: Sequence[Any], in_data: Sequence[Any], out_data: Sequence[Any],
                 in_grad: Sequence[Any]) -> None:
        """Write the gradients of the arguments: here 1. Subclasses define it."""
        in_grad[0][:] = 1.0

    def infer_shape(self, in_shape: list[Any]) -> Any:
        """The shapes of the arguments and of the outputs."""
        return in_shape, [in_shape[0]]

    def list_outputs(self) -> list[str]:
        """The names of the outputs."""
        return ["output"]

    def list_arguments(self) -> list[str]:
        """The names of the arguments."""
        return ["data"]

    def need_top_grad(self) -> bool:
        """Whether `backward` uses the outputs' gradients."""
        return self.need_top_grad_


class _Props(CustomOpProp):
    """The properties of an operation in MXNet's first form: what its object says of itself.

    operation: the object.
    """

    def __init__(self, operation: Any) -> None:
        self.operation = operation
        super().__init__(operation.need_top_grad())

    def infer_shape(self, in_shape: list[list[int]]) -> Any:
        """The object's answer."""
        inputs, outputs = self.operation.infer_shape(in_shape)
        return inputs, outputs, ()

    def list_outputs(self) -> list[str]:
        """The object's answer."""
        return self.operation.list_outputs()

    def list_arguments(self) -> list[str]:
        """The object's answer."""
        return self.operation.list_arguments()

    def create_operator(self, ctx: Any, in_shapes: list[list[int]], in_dtypes: list[int]) -> CustomOp:
        """The object's code."""
        return _FirstForm(self.operation)


class _FirstForm(CustomOp):
    """The code of an operation in MXNet's first form: its object writes into arrays, of NumPy for a `NumpyOp`."""

    def __init__(self, operation: Any) -> None:
        self.operation = operation

    def forward(self, is_train: Any, req: Sequence[str], in_data: Sequence[Any], out_data: Sequence[Any],
                aux: Sequence[Any]) -> None:
        """Have the object write the outputs."""
        self._run(self.operation.forward, req, out_data, in_data=in_data, out_data=out_data)

    def backward(self, req: Sequence[str], out_grad: Sequence[Any], in_data: Sequence[Any], out_data: Sequence[Any],
                 in_grad: Sequence[Any], aux: Sequence[Any]) -> None:
        """Have the object write the gradients."""
        self._run(self.operation.backward, req, in_grad, out_grad=out_grad, in_data=in_data, out_data=out_data,
                  in_grad=in_grad)

    def _run(self, code: Callable[..., None], req: Sequence[str], written: Sequence[Any], **arrays: Any) -> None:
        if isinstance(self.operation, NDArrayOp):
            code(**arrays)
            return
        given = {name: [x.asnumpy() for x in group] for name, group in arrays.items()}
        code(**given)
        name = next(name for name, group in arrays.items() if group is written)
        for own, new, request in zip(written, given[name], req):
            self.assign(own, request, new)


class NumpyOp(PythonOp):
    """An operation in MXNet's first form, whose code is given NumPy arrays; a symbol is made of it.

    >>> NumpyOp().list_arguments()
    ['data']
    """

    def __init__(self, need_top_grad: bool = True) -> None:
        super().__init__(need_top_grad)
        warnings.warn("NumpyOp has been deprecated. Please use CustomOp", stacklevel=2)

    def get_symbol(self, *args: Any, **kwargs: Any) -> Any:
        """A symbol of the operation.

        args, kwargs: symbols of its arguments, and `name`. AssertionError for arrays.
        """
        for one in args:
            assert not isinstance(one, NDArray), f"Positional arguments must be Symbol instances, but got {one}"
        kind = f"_{type(self).__name__}{len(REGISTERED)}"
        register(kind)(lambda: _Props(self))
        return GENERATED[""]["Custom"](*args, op_type=kind, **kwargs)


class NDArrayOp(NumpyOp):
    """An operation in MXNet's first form, whose code is given nd arrays; a symbol is made of it.

    >>> NDArrayOp().declare_backward_dependency([0], [1], [2])
    [0, 1, 2]
    """

    def __init__(self, need_top_grad: bool = True) -> None:
        PythonOp.__init__(self, need_top_grad)
        warnings.warn("NDArrayOp has been deprecated. Please use CustomOp", stacklevel=2)

    def declare_backward_dependency(self, out_grad: list[int], in_data: list[int], out_data: list[int]) -> list[int]:
        """The numbers of the arrays that `backward` uses, of those given."""
        return [*(out_grad if self.need_top_grad() else ()), *in_data, *out_data]


# ---- the operators that there are ----------------------------------------------------------------

class OperatorArguments(NamedTuple):
    """The arguments of an operator: their number, their names, and their types in words."""

    narg: int
    names: list[str]
    types: list[str]


def get_all_registered_operators() -> list[str]:
    """The names of all operators that symbols can have.

    >>> "Convolution" in get_all_registered_operators()
    True
    """
    return sorted({*OPERATORS, *CANONICAL})


def get_operator_arguments(op_name: str) -> OperatorArguments:
    """The arguments of an operator: arrays first, then parameters. MXNetError for an unknown one.

    The types are those that declarations tell: the texts that a parameter allows are not listed, as MXNet does.

    >>> get_operator_arguments("Embedding").names
    ['data', 'weight', 'input_dim', 'output_dim', 'dtype', 'sparse_grad']
    """
    operator = operator_of(op_name)
    arrays = ["NDArray-or-Symbol[]" if operator.star else "NDArray-or-Symbol"] * len(operator.arrays)
    names = [*operator.arrays, *operator.parameters]
    return OperatorArguments(len(names), names, [*arrays, *map(_in_words, operator.parameters.values())])


def _in_words(parameter: Parameter) -> str:
    default = parameter.default
    shape = isinstance(default, (tuple, list))
    kind = parameter.kind or ("Shape(tuple)" if shape else type(default).__name__)
    kind = {"bool": "boolean", "str": "string", "NoneType": "string"}.get(kind, kind)
    if parameter.required:
        return f"{kind}, required"
    shown = list(default) if shape else int(default) if isinstance(default, bool) else default
    return f"{kind}, optional, default={shown!r}"
