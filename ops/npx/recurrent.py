"""Recurrent layers over whole sequences: simple RNN, LSTM with projection, and GRU; stacked, in one direction or two.

A layer's input is multiplied by its weights for all steps at once. The steps are a scan: each is one matrix product
with the state, and elementwise functions.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..control.body import Body
from ..control.loops import scan
from ..declare.public import Optional, public
from ..ir.errors import MXNetError
from ..ir.node import Node, items
from ..ir.op import FLOATS
from ..ir.shapes import check_choice
from ..primitive.arithmetic import add, cast, div, greater, in_single, like, mul, sub, where
from ..primitive.elementary import relu, sigmoid, tanh
from ..primitive.iota import counts
from ..primitive.linear import broadcast_to, concatenate, cut, reshape
from ..primitive.matmul import product

#: The number of gates by mode: the rows of a weight are this number times the size of the state.
GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}
_SIMPLE = {"rnn_relu": relu, "rnn_tanh": tanh}


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of a recurrent layer, or of several stacked ones.

    hidden: the size of the state; gates: the number of gates.
    projected: the size of the LSTM's projected output, None without projection.
    """

    inputs: int
    hidden: int
    gates: int
    layers: int
    directions: int
    projected: int | None

    @property
    def out(self) -> int:
        """The size of one direction's output."""
        return self.hidden if self.projected is None else self.projected

    def weights(self) -> list[tuple[int, int]]:
        """The weights' shapes in MXNet's vector: for each layer and direction those of input, state, projection."""
        rows, found = self.gates * self.hidden, []
        for layer in range(self.layers):
            width = self.inputs if layer == 0 else self.directions * self.out
            one = [(rows, width), (rows, self.out)]
            if self.projected is not None:
                one.append((self.projected, self.hidden))
            found += one * self.directions
        return found

    def biases(self) -> list[int]:
        """The sizes of the biases, which follow the weights: for each layer and direction those of input and state."""
        return [self.gates * self.hidden] * (2 * self.layers * self.directions)

    def count(self) -> int:
        """The length of the vector of all weights and biases."""
        return sum(m * n for m, n in self.weights()) + sum(self.biases())


@dataclass(frozen=True, slots=True)
class _Cell:
    """The weights and biases of one direction of a layer.

    clip: (low, high, whether NaN is clipped too) for the LSTM's cell state, or None.
    """

    mode: str
    of_input: Node
    of_state: Node
    projection: Node | None
    bias: Node
    state_bias: Node
    clip: tuple[float, float, bool] | None

    def prepared(self, x: Node) -> Node:
        """The products of the inputs of all steps, (steps * batch, inputs), with the weights; and the bias."""
        # The GRU needs its second bias apart, as a gate multiplies it.
        bias = self.bias if self.mode == "gru" else add(self.bias, self.state_bias)
        return add(product(x, self.of_input, False, True), bias)

    def constants(self) -> list[Node]:
        """The weights and biases that each step reads."""
        others = [self.state_bias] if self.mode == "gru" else [self.projection] if self.projection is not None else []
        return [self.of_state, *others]


# ---- steps ---------------------------------------------------------------------------------------

def _step(leaves: Sequence[Node], mode: str, clip: tuple[float, float, bool] | None, masked: bool) -> list[Node]:
    """The body of a layer's scan: the states after a step, and its output.

    leaves: the prepared input; if `masked`, whether each sequence still lasts, (batch, 1): where not, the states stay
        and the output is 0; the states; `_Cell.constants`.
    """
    x, *rest = leaves
    valid = rest.pop(0) if masked else None
    states = [rest.pop(0) for _ in range(2 if mode == "lstm" else 1)]
    of_state, *others = rest
    seen = product(states[0], of_state, False, True)
    if mode == "gru":
        made = [_gru(x, add(seen, others[0]), states[0])]
    elif mode == "lstm":
        made = _lstm(add(x, seen), states[1], clip)
        made[0] = product(made[0], others[0], False, True) if others else made[0]
    else:
        made = [_SIMPLE[mode](add(x, seen))]
    if valid is None:
        return [*made, made[0]]
    after = [where(valid, new, old) for new, old in zip(made, states, strict=True)]
    return [*after, where(valid, made[0], like(made[0], 0))]


def _gru(x: Node, seen: Node, h: Node) -> Node:
    reset_x, update_x, new_x = _gates(x, 3)
    reset_h, update_h, new_h = _gates(seen, 3)
    update = sigmoid(add(update_x, update_h))
    new = tanh(add(new_x, mul(sigmoid(add(reset_x, reset_h)), new_h)))
    return add(mul(sub(like(update, 1), update), new), mul(update, h))


def _lstm(gates: Node, c: Node, clip: tuple[float, float, bool] | None) -> list[Node]:
    enter, forget, new, leave = _gates(gates, 4)
    c = add(mul(c, sigmoid(forget)), mul(sigmoid(enter), tanh(new)))
    if clip is not None:
        c = _clipped(c, *clip)
    return [mul(sigmoid(leave), tanh(c)), c]


def _gates(x: Node, count: int) -> tuple[Node, ...]:
    return cut(x, 1, [x.shape[1] // count] * count)


def _clipped(c: Node, low: float, high: float, nan: bool) -> Node:
    """`c` within [low, high]; NaN stays, or (`nan`) becomes `low`."""
    low_, high_ = like(c, low), like(c, high)
    c = where(greater(c, low_), c, low_) if nan else where(greater(low_, c), low_, c)
    return where(greater(c, high_), high_, c)


def _scanned(cell: _Cell, x: Node, states: list[Node], valid: Node | None, steps: int,
             backwards: bool) -> tuple[Node, list[Node]]:
    """The outputs (steps * batch, out) of one direction, and its last states.

    x: (steps * batch, inputs).
    valid: (steps, batch, 1), whether each sequence still lasts.
    """
    h = states[0]
    if not steps:
        return broadcast_to(like(x, 0), (0, h.shape[1])), states
    prepared = cell.prepared(x)
    sequences = [reshape(prepared, (steps, h.shape[0], prepared.shape[1])), *([] if valid is None else [valid])]
    body = Body(_step, (cell.mode, cell.clip, valid is not None))
    *last, outputs = items(scan([*sequences, *states, *cell.constants()], body, len(sequences), len(states), backwards))
    return reshape(outputs, (steps * h.shape[0], h.shape[1])), last


def _check(data: Node, parameters: Node, state: Node, cell: Node | None, sizes: Sizes) -> None:
    steps, batch, _ = data.shape
    rows = sizes.layers * sizes.directions
    wanted = {"parameters": (parameters, (sizes.count(),)), "state": (state, (rows, batch, sizes.out))}
    if cell is not None:
        wanted["state_cell"] = (cell, (rows, batch, sizes.hidden))
    for name, (given, shape) in wanted.items():
        if given.shape != shape:
            raise MXNetError(f"Shape inconsistent: {name} has shape {given.shape}, wanted {shape} for data "
                             f"{data.shape}, state_size {sizes.hidden} and {sizes.layers} layers in "
                             f"{sizes.directions} directions")
        if given.dtype != data.dtype:
            raise MXNetError(f"This layer requires uniform type: data is {data.dtype.name}, {name} {given.dtype.name}")


@public("npx._rnn")
@in_single
def rnn(data: Node, parameters: Node, state: Node, state_cell: Optional, sequence_length: Optional, kept: Optional,
        mode, state_size, num_layers, bidirectional, state_outputs, p, projection_size, clip) -> Node | list[Node]:
    """The outputs (steps, batch, directions * out) of stacked recurrent layers; with `state_outputs` also their states.

    data: (steps, batch, inputs).
    parameters: all weights, then all biases, flat, in the order of `Sizes.weights` and `Sizes.biases`.
    state: (layers * directions, batch, out); the LSTM's `state_cell`: (layers * directions, batch, state_size).
    sequence_length: (batch,), the number of steps of each sequence; outputs from there on are 0.
    kept: (layers - 1, steps, batch, directions * out): the elements between layers that Dropout of the rate `p` leaves.
    clip: (low, high, whether NaN is clipped too), bounds of the LSTM's cell state, or None.

    MXNetError for shapes and dtypes that do not fit.
    """
    check_choice(mode, tuple(GATES))
    if data.dtype not in FLOATS:
        raise MXNetError(f"This operation only support floating point types, not {data.dtype.name}")
    if data.ndim != 3:
        raise MXNetError("Input data should be rank-3 tensor of dim [sequence length, batch size, input size], "
                         f"got shape {data.shape}")
    steps, batch, inputs = data.shape
    directions = 2 if bidirectional else 1
    sizes = Sizes(inputs, state_size, GATES[mode], num_layers, directions, projection_size)
    _check(data, parameters, state, state_cell, sizes)
    valid = None
    if sequence_length is not None:
        if sequence_length.shape != (batch,):
            raise MXNetError(f"Shape inconsistent: sequence_length has shape {sequence_length.shape}, "
                             f"wanted {(batch,)}")
        valid = greater(reshape(cast(sequence_length, "int64"), (1, batch, 1)), counts(steps, 3, 0))
    cells = _cells(parameters, sizes, mode, clip)
    starts = [reshape(h, (batch, sizes.out)) for h in cut(state, 0, [1] * len(cells))]
    starts_c: list[Node | None] = [None] * len(cells)
    if state_cell is not None:
        starts_c = [reshape(c, (batch, sizes.hidden)) for c in cut(state_cell, 0, [1] * len(cells))]
    masks = [] if kept is None else [reshape(m, m.shape[1:]) for m in cut(kept, 0, [1] * (num_layers - 1))]
    x = reshape(data, (steps * batch, inputs))
    last_h: list[Node] = []
    last_c: list[Node] = []
    for layer in range(num_layers):
        if layer and masks:
            mask = reshape(masks[layer - 1], x.shape)
            x = where(mask, div(x, like(x, 1 - p)), like(x, 0))
        ways = []
        for i in range(directions):
            at = layer * directions + i
            c = starts_c[at]
            out, last = _scanned(cells[at], x, [starts[at], *([] if c is None else [c])], valid, steps, i == 1)
            ways.append(out)
            last_h.append(last[0])
            last_c += last[1:]
        x = concatenate(ways, 1)
    output = reshape(x, (steps, batch, directions * sizes.out))
    if not state_outputs:
        return output
    states = [last_h, last_c] if last_c else [last_h]
    return [output, *[concatenate([reshape(h, (1, *h.shape)) for h in group], 0) for group in states]]


def _cells(parameters: Node, sizes: Sizes, mode: str, clip: tuple[float, float, bool] | None) -> list[_Cell]:
    """The cells of all layers and directions, with their parts of the vector of parameters."""
    shapes = sizes.weights()
    pieces = cut(parameters, 0, [*[m * n for m, n in shapes], *sizes.biases()])
    weights = [reshape(w, shape) for w, shape in zip(pieces, shapes)]
    biases = pieces[len(shapes):]
    each = 2 if sizes.projected is None else 3
    return [_Cell(mode, weights[each * i], weights[each * i + 1], weights[each * i + 2] if each == 3 else None,
                  biases[2 * i], biases[2 * i + 1], clip) for i in range(sizes.layers * sizes.directions)]
