"""`BaseRNNCell`, the base class of recurrent cells made of symbols, and `RNNParams`, their variables."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import ndarray, symbol

nd: Any = ndarray  # functions of both modules are generated: type checkers do not see them
sym: Any = symbol

__all__ = ["BaseRNNCell", "RNNParams"]

_MODIFIED = ("After applying modifier cells (e.g. DropoutCell) the base cell cannot be called directly. Call the "
             "modifier cell instead.")


class RNNParams:
    """The variables of cells by name; cells that are given the same ones share their weights.

    prefix: the beginning of the variables' names.

    >>> params = RNNParams("a_")
    >>> params.get("weight").name, params.get("weight") is params.get("weight")
    ('a_weight', True)
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._params: dict[str, Any] = {}

    def get(self, name: str, **kwargs: Any) -> Any:
        """The variable with the prefix and a name; a new one by `mx.sym.Variable(**kwargs)` the first time."""
        name = self._prefix + name
        if name not in self._params:
            self._params[name] = sym.Variable(name, **kwargs)
        return self._params[name]


def _normalize_sequence(length: int | None, inputs: Any, layout: str, merge: bool | None, in_layout: str | None = None
                        ) -> tuple[Any, int]:
    """A sequence as a symbol or as a list of one symbol a step, and the axis of time.

    length: the number of steps.
    inputs: a symbol or a list.
    layout: the letters of its axes; T is time.
    merge: True for a symbol, False for a list, None for what it is.
    in_layout: the layout of a symbol given, if it differs.
    """
    assert inputs is not None, \
        "unroll(inputs=None) has been deprecated. Please create input variables outside unroll."
    axis = layout.find("T")
    in_axis = axis if in_layout is None else in_layout.find("T")
    if isinstance(inputs, symbol.Symbol):
        if merge is False:
            assert len(inputs.list_outputs()) == 1, (
                "unroll doesn't allow grouped symbol as input. Please convert to list with list(inputs) first or let "
                "unroll handle splitting.")
            inputs = list(sym.split(inputs, axis=in_axis, num_outputs=length, squeeze_axis=1))
    else:
        assert length is None or len(inputs) == length, f"{len(inputs)} inputs for {length} steps"
        if merge is True:
            inputs = sym.Concat(*[sym.expand_dims(one, axis=axis) for one in inputs], dim=axis)
            in_axis = axis
    if isinstance(inputs, symbol.Symbol) and axis != in_axis:
        inputs = sym.swapaxes(inputs, dim0=axis, dim1=in_axis)
    return inputs, axis


class BaseRNNCell:
    """The base class of cells: a subclass maps an input and states to an output and new states, all symbols.

    prefix: the beginning of the names of the cell's symbols and variables.
    params: the `RNNParams` that the cell takes its variables from; None for new ones.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/legacy/rnn/index.html

    >>> BaseRNNCell("a_").params.get("weight")
    <Symbol a_weight>
    """

    def __init__(self, prefix: str = "", params: RNNParams | None = None) -> None:
        self._own_params = params is None
        self._prefix = prefix
        self._params = RNNParams(prefix) if params is None else params
        self._modified = False
        self.reset()

    def reset(self) -> None:
        """Count steps and initial states anew, before the cell is used for another graph."""
        self._init_counter = -1
        self._counter = -1
        for cell in getattr(self, "_cells", ()):
            cell.reset()

    def __call__(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """The output and the new states of one step. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} defines no step: __call__(inputs, states)")

    def _next_name(self) -> str:
        """The beginning of the names of the next step."""
        self._counter += 1
        return f"{self._prefix}t{self._counter}_"

    @property
    def params(self) -> RNNParams:
        """The variables of the cell, which are shared from now on."""
        self._own_params = False
        return self._params

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """The shape and layout of each state. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} defines no state_info")

    @property
    def state_shape(self) -> list[tuple[int, ...]]:
        """The shapes of the states; an unknown size is 0."""
        return [info["shape"] for info in self.state_info]

    @property
    def _gate_names(self) -> Any:
        """The suffixes of the gates' weights in unpacked parameters."""
        return ()

    def begin_state(self, func: Callable[..., Any] = sym.zeros, **kwargs: Any) -> list[Any]:
        """The states before the first step.

        func: the function that makes each of them, such as `mx.sym.zeros` or `mx.sym.Variable`.
        kwargs: further arguments of it.

        AssertionError for a cell that a modifier has changed: the modifier makes the states.
        """
        assert not self._modified, _MODIFIED
        states = []
        for info in self.state_info:
            self._init_counter += 1
            kwargs.update(info or {})
            states.append(func(name=f"{self._prefix}begin_state_{self._init_counter}", **kwargs))
        return states

    # ---- weights ---------------------------------------------------------------------------------

    def unpack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        """The parameters with a weight and a bias for each gate, in place of those for all gates together.

        args: parameters by name, as of `Module.get_params()[0]`.
        """
        args = args.copy()
        size = getattr(self, "_num_hidden", 0)
        for group in ("i2h", "h2h") if self._gate_names else ():
            for kind in ("weight", "bias"):
                whole = args.pop(f"{self._prefix}{group}_{kind}")
                for j, gate in enumerate(self._gate_names):
                    args[f"{self._prefix}{group}{gate}_{kind}"] = whole[j * size:(j + 1) * size].copy()
        return args

    def pack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        """The parameters that `unpack_weights` has made the given ones of."""
        args = args.copy()
        for group in ("i2h", "h2h") if self._gate_names else ():
            for kind in ("weight", "bias"):
                parts = [args.pop(f"{self._prefix}{group}{gate}_{kind}") for gate in self._gate_names]
                args[f"{self._prefix}{group}_{kind}"] = nd.concatenate(parts)
        return args

    # ---- sequences -------------------------------------------------------------------------------

    def unroll(self, length: int, inputs: Any, begin_state: Any = None, layout: str = "NTC",
               merge_outputs: bool | None = None) -> tuple[Any, list[Any]]:
        """The outputs and the last states of `length` steps.

        inputs: a symbol whose axes `layout` names, or a list of one symbol a step.
        begin_state: the states before the first step; None: `begin_state()`.
        merge_outputs: True for one symbol, False or None for a list.
        """
        self.reset()
        steps, _ = _normalize_sequence(length, inputs, layout, False)
        states = self.begin_state() if begin_state is None else begin_state
        outputs = []
        for i in range(length):
            output, states = self(steps[i], states)
            outputs.append(output)
        merged, _ = _normalize_sequence(length, outputs, layout, merge_outputs)
        return merged, states

    def _get_activation(self, inputs: Any, activation: Any, **kwargs: Any) -> Any:
        """An activation of a symbol, by its name or by a function."""
        if isinstance(activation, str):
            return sym.Activation(inputs, act_type=activation, **kwargs)
        return activation(inputs, **kwargs)
