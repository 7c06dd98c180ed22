"""`SymbolBlock`, a block whose forward pass is the graph of a symbol."""
from __future__ import annotations

from typing import Any

from .. import symbol
from ..base import MXNetError
from ..context import Context
from ..generation import is_2
from ..ndarray import NDArray
from ..symbol import Symbol
from ..symbol.evaluate import evaluate
from . import symbolic
from .hybrid_block import HybridBlock
from .parameter_dict import ParameterDict

#: MXNet's number of the storage type, as an attribute of a variable.
_ROW_SPARSE = "1"


class SymbolBlock(HybridBlock):
    """A block that computes outputs of a symbol: a model that was exported, or a part of one.

    outputs: the symbol, or a list of symbols.
    inputs: the variables that are the block's inputs, one or a list; all others are its parameters.
    params: a `ParameterDict` that holds some of them.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/symbol_block.html

    >>> import tracer as mx
    >>> x = mx.sym.Variable("x")
    >>> block = SymbolBlock(2 * x + 1, x)
    >>> block(mx.nd.array([1, 2])).asnumpy().tolist()
    [3.0, 5.0]
    """

    def __init__(self, outputs: Any, inputs: Any, params: Any = None) -> None:
        super().__init__(prefix=None, params=None)
        self._prefix = ""
        self._params = ParameterDict("", params)
        if isinstance(inputs, Symbol) and len(inputs.list_outputs()) == 1:
            inputs = [inputs]
        if isinstance(outputs, (list, tuple)) and len(outputs) == 1:
            outputs = outputs[0]
        found, self._in_format = symbolic.flat(inputs, "input")
        made, self._out_format = symbolic.flat(outputs, "output")
        for one in found:
            assert len(one.get_internals().list_outputs()) == 1, \
                f"Input symbols must be variable, but {one} is an output of operators"
        out = symbol.Group(made) if len(made) > 1 else made[0]
        for name, attributes in out.attr_dict().items():
            assert attributes.get("__storage_type__") != _ROW_SPARSE, \
                f"SymbolBlock doesn't support Parameter '{name}' because its storage type is 'row_sparse'."
        self._inputs = found, out
        self._cached_graph = self._inputs
        self._declare({one.name for one in found})
        self._active = True

    def _declare(self, inputs: set[str]) -> None:
        """Make a parameter of each variable that is no input."""
        found, out = self._inputs
        kinds = _kinds(found, out)
        states = out.list_auxiliary_states()
        for name in (*out.list_arguments(), *states):
            if name in inputs:
                continue
            if name in states:
                self._params.get(name, grad_req="null", allow_deferred_init=True, dtype=kinds.get(name, "float32"))
            else:
                self._params.get(name, allow_deferred_init=True, dtype=kinds.get(name, "float32"))
        common = 0 if is_2() else len(_common_prefix([*self._params.keys()]))
        self._reg_params = {name[common:]: p for name, p in self._params.items()}

    @staticmethod
    def imports(symbol_file: str, input_names: Any, param_file: str | None = None, ctx: Context | None = None,
                allow_missing: bool = False, ignore_extra: bool = False, device: Context | None = None) -> SymbolBlock:
        """The block of a model that `HybridBlock.export`, or a module's checkpoint, has written.

        symbol_file, param_file: the files of the graph and of the parameters.
        input_names: the name of an input, or a list.
        ctx (device in MXNet 2): the device of the parameters.
        allow_missing: whether parameters may be missing in the file; ignore_extra: whether it may have others.
        """
        graph = symbol.load(symbol_file)
        names = [input_names] if isinstance(input_names, str) else input_names
        block = SymbolBlock(graph, [symbol.var(name) for name in names])
        if param_file is not None:
            block.collect_params().load(param_file, ctx or device, allow_missing, ignore_extra, cast_dtype=True,
                                        dtype_source="saved")
        return block

    def infer_shape(self, *args: Any) -> None:
        """Find the shapes of parameters from inputs. MXNetError where they cannot be found."""
        found, out = self._inputs
        given = {one.name: x.shape for one, x in zip(found, _arrays(args))}
        shapes, _, states = out.infer_shape(**given)
        if shapes is None:
            raise MXNetError(f"SymbolBlock: the shapes of the parameters of {out!r} cannot be inferred from {given}")
        for names, known in ((out.list_arguments(), shapes), (out.list_auxiliary_states(), states)):
            for name, shape in zip(names, known):
                if name in self._params:
                    self._params[name].shape = shape

    def forward(self, x: Any, *args: Any) -> Any:
        """The outputs of the symbol; for symbols, a copy of it with these in the place of its inputs."""
        found, out = self._inputs
        if symbolic.any_symbol((x, *args)):
            given, form = symbolic.flat([x, *args], "input")
            assert form == self._in_format, "Invalid input format"
            made = out.__copy__()
            made._compose(**{one.name: other for one, other in zip(found, given)})
            return symbolic.nested(iter([*made]), self._out_format)
        arrays = _arrays((x, *args))
        if not arrays or not isinstance(arrays[0], NDArray):
            raise AssertionError("HybridBlock requires the first argument to forward be either Symbol or NDArray, but "
                                 f"got {type(x)}")
        values = {one.name: array for one, array in zip(found, arrays, strict=True)}
        with arrays[0].ctx:
            values.update({name: p.data(arrays[0].ctx) for name, p in self._params.items()})
            return symbolic.nested(iter(evaluate(out, values)), self._out_format)

    def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Not defined for this block: raises NotImplementedError."""
        raise NotImplementedError

    def __repr__(self) -> str:
        found, out = self._inputs
        return f"{type(self).__name__}(\n{out} : {len(found)} -> {len(out.list_outputs())}\n)"


def _arrays(args: Any) -> list[Any]:
    """The arrays in nested lists."""
    return [x for one in args for x in (_arrays(one) if isinstance(one, (list, tuple)) else [one])]


def _kinds(inputs: list[Symbol], out: Symbol) -> dict[str, Any]:
    """The element types of the variables by name, as far as they follow from those of the inputs."""
    given = {}
    for one in inputs:
        known, _, _ = one.infer_type()
        if not known or known[0] is None:
            return {}
        given[str(one.name)] = known[0]
    try:
        arguments, _, states = out.infer_type(**given)
    except MXNetError:
        return {}
    names = zip((*out.list_arguments(), *out.list_auxiliary_states()), (*(arguments or ()), *(states or ())))
    return {name: kind for name, kind in names if kind is not None}


def _common_prefix(names: list[str]) -> str:
    """The longest beginning of all names."""
    if not names:
        return ""
    first, last = min(names), max(names)
    for i, letter in enumerate(first):
        if i >= len(last) or letter != last[i]:
            return first[:i]
    return first


