"""`DataParallelExecutorGroup`: a symbol's executors on several devices, among which batches are divided."""
from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from ..array.nd_array import NDArray
from ..context import cpu
from ..io import DataDesc
from ..symbol.graph.element_types import BY_NUMBER
from .arguments import _prepare_group2ctxs, _requests
from .checks import _described
from .slices import _load_data, _load_general, _load_label, _merge_multi_context, _sliced, _split_input_slice

__all__ = ["DataParallelExecutorGroup"]


class DataParallelExecutorGroup:
    """The executors of a symbol, one a device; each batch is divided among them.

    symbol: the symbol.
    contexts: the devices.
    workload: the load of each.
    data_shapes, label_shapes: descriptions of the inputs, or pairs of names and shapes; no labels: None.
    param_names: the names of the parameters.
    for_training: whether there will be backward passes.
    inputs_need_grad: whether these also give the gradients of the data.
    shared_group: a group whose parameters' arrays are used, for another bucket.
    logger: no effect.
    fixed_param_names: parameters without gradients.
    grad_req: as of `BaseModule.bind`.
    state_names: the names of the states.
    group2ctxs: devices by `ctx_group`, for each context.

    >>> from tracer import cpu, io, nd, sym
    >>> group = DataParallelExecutorGroup(sym.var("x") * 2, [cpu()], [1], [("x", (2, 3))], None, [], False, False)
    >>> group.forward(io.DataBatch([nd.ones((2, 3))]))
    >>> group.get_outputs()[0].shape
    (2, 3)
    """

    def __init__(self, symbol: Any, contexts: list[Any], workload: Sequence[float], data_shapes: Sequence[Any],
                 label_shapes: Sequence[Any] | None, param_names: Sequence[str], for_training: bool,
                 inputs_need_grad: bool, shared_group: Any = None, logger: Any = logging,
                 fixed_param_names: Sequence[str] | None = None, grad_req: Any = "write",
                 state_names: Sequence[str] | None = None, group2ctxs: Any = None) -> None:
        self.param_names = param_names
        self.arg_names = symbol.list_arguments()
        self.aux_names = symbol.list_auxiliary_states()
        self.symbol = symbol
        self.contexts = contexts
        self.workload = workload
        self.group2ctxs = _prepare_group2ctxs(group2ctxs, len(contexts))
        self.for_training = for_training
        self.inputs_need_grad = inputs_need_grad
        self.logger = logger
        self._total_exec_bytes = 0
        self.fixed_param_names = fixed_param_names or []
        self.state_names = state_names or []
        data = _described(data_shapes)
        labels = None if label_shapes is None else _described(label_shapes)
        self.grad_req = _requests(grad_req if for_training else "null", self.arg_names, param_names,
                                  [one.name for one in data], self.fixed_param_names, inputs_need_grad)
        self.shared_data_arrays = [{} for _ in contexts] if shared_group is None else shared_group.shared_data_arrays
        self.batch_size: Any = None
        self.slices: list[slice] | None = None
        self.execs: list[Any] = []
        self._default_execs: list[Any] | None = None
        self.output_names = symbol.list_outputs()
        self.num_outputs = len(self.output_names)
        self.output_layouts = [DataDesc.get_batch_axis(symbol[i].attr("__layout__")) for i in range(self.num_outputs)]
        self.label_layouts: list[int] = []
        self.label_names: list[str] | None = None
        self._predicted: list[Any] = []
        self.bind_exec(data, labels, shared_group)

    # ---- binding ---------------------------------------------------------------------------------

    def decide_slices(self, data_shapes: Sequence[DataDesc]) -> list[int]:
        """Divide a batch among the devices, and return the axis of the examples of each input.

        AssertionError for inputs with several batch sizes.
        """
        assert len(data_shapes) > 0
        axes = [DataDesc.get_batch_axis(one.layout) for one in data_shapes]
        for (name, shape), axis in zip(data_shapes, axes):
            if axis == -1:
                continue
            size = shape[axis]
            if self.batch_size is None:
                if isinstance(size, NDArray):
                    raise TypeError(f"the shape of {name} holds an array, not integers: {shape}")
                self.batch_size = size
                self.slices = _split_input_slice(size, self.workload)
            assert size == self.batch_size, \
                f"all data must have the same batch size: batch_size = {self.batch_size}, but {name} has shape {shape}"
        return axes

    def bind_exec(self, data_shapes: Any, label_shapes: Any, shared_group: Any = None, reshape: bool = False) -> None:
        """Make the executors, or others for new shapes with the same parameters.

        reshape: whether there are executors, which are reshaped.
        """
        assert reshape or not self.execs
        self.batch_size = None
        self.data_layouts = self.decide_slices(data_shapes)
        if label_shapes is not None:
            self.label_layouts = self.decide_slices(label_shapes)
        for i in range(len(self.contexts)):
            data = self._sliced_shape(data_shapes, i, self.data_layouts)
            labels = [] if label_shapes is None else self._sliced_shape(label_shapes, i, self.label_layouts)
            if reshape:
                assert self._default_execs is not None
                shapes = {one.name: one.shape for one in data + labels}
                self.execs[i] = self._default_execs[i].reshape(allow_up_sizing=True, **shapes)
            else:
                self.execs.append(self._bind_ith_exec(i, data, labels, shared_group))
        self.data_shapes = data_shapes
        self.label_shapes = label_shapes
        self.data_names = [one.name for one in data_shapes]
        if label_shapes is not None:
            self.label_names = [one.name for one in label_shapes]
        self._collect_arrays()

    def _bind_ith_exec(self, i: int, data_shapes: list[DataDesc], label_shapes: list[DataDesc],
                       shared_group: Any) -> Any:
        """The executor of the device `i`."""
        inputs = data_shapes + label_shapes
        types = {one.name: one.dtype for one in data_shapes}
        attributes = self.symbol.attr_dict()
        for name in types:
            declared = attributes.get(name, {}).get("__dtype__", "-1")
            if declared != "-1":
                types[name] = BY_NUMBER[int(declared)]
        types.update({one.name: one.dtype for one in label_shapes})
        return self.symbol.simple_bind(
            ctx=self.contexts[i], grad_req=self.grad_req, type_dict=types, shared_arg_names=self.param_names,
            shared_exec=None if shared_group is None else shared_group.execs[i], group2ctx=self.group2ctxs[i],
            shared_buffer=self.shared_data_arrays[i], **{one.name: one.shape for one in inputs})

    def _sliced_shape(self, shapes: Sequence[DataDesc], i: int, major_axis: Sequence[int]) -> list[DataDesc]:
        """The descriptions of the part of a batch that the device `i` has."""
        found = []
        for one, axis in zip(shapes, major_axis):
            shape = list(one.shape)
            if axis >= 0 and self.slices is not None:
                shape[axis] = self.slices[i].stop - self.slices[i].start
            found.append(DataDesc(one.name, tuple(shape), one.dtype, one.layout))
        return found

    def _collect_arrays(self) -> None:
        """Collect the executors' arrays by kind, and by device within an input or parameter."""
        parts = self.slices or [slice(i, i + 1) for i in range(len(self.execs))]

        def inputs(descriptions: Any) -> list[Any]:
            return [[(parts[i], e.arg_dict[name]) for i, e in enumerate(self.execs)] for name, _ in descriptions]

        self.data_arrays = inputs(self.data_shapes)
        self.label_arrays = None if self.label_shapes is None else inputs(self.label_shapes)
        self.state_arrays = [[e.arg_dict[name] for e in self.execs] for name in self.state_names]
        places = [i for i, name in enumerate(self.arg_names) if name in self.param_names]
        self.param_arrays = [[e.arg_arrays[i] for e in self.execs] for i in places]
        self.grad_arrays = [[e.grad_arrays[i] for e in self.execs] for i in places] if self.for_training else None
        self.trained = self._trained()
        self.input_grad_arrays = [[e.grad_arrays[self.arg_names.index(name)] for e in self.execs]
                                  for name in self.data_names if name in self.arg_names] \
            if self.inputs_need_grad else None
        self.aux_arrays = [[e.aux_arrays[i] for e in self.execs] for i in range(len(self.aux_names))]

    def _trained(self) -> list[tuple[tuple, ...]]:
        """For each device the indices, gradients and weights that an updater is called with.

        They are tuples, by whose identity the updater finds the step that it has recorded.
        """
        found = []
        for k in range(len(self.execs)):
            pairs = [(i * len(self.execs) + k, grads[k], weights[k])
                     for i, (grads, weights) in enumerate(zip(self.grad_arrays or (), self.param_arrays))
                     if grads[k] is not None]
            if pairs:
                found.append(tuple(zip(*pairs)))
        return found

    def reshape(self, data_shapes: Any, label_shapes: Any) -> None:
        """Use executors for other shapes, with the same parameters."""
        if data_shapes == self.data_shapes and label_shapes == self.label_shapes:
            return
        if self._default_execs is None:
            self._default_execs = list(self.execs)
        self.bind_exec(data_shapes, label_shapes, reshape=True)

    # ---- parameters and states -------------------------------------------------------------------

    def set_params(self, arg_params: Any, aux_params: Any, allow_extra: bool = False) -> None:
        """Write parameters and auxiliary states by name into the arrays of all devices."""
        for one in self.execs:
            one.copy_params_from(arg_params, aux_params, allow_extra_params=allow_extra)

    def get_params(self, arg_params: dict[str, Any], aux_params: dict[str, Any]) -> None:
        """Write the means of the parameters of all devices into the given arrays by name."""
        for names, arrays, into in ((self.param_names, self.param_arrays, arg_params),
                                    (self.aux_names, self.aux_arrays, aux_params)):
            for name, block in zip(names, arrays):
                mean = block[0] if len(block) == 1 else sum([one.copyto(cpu()) for one in block]) / len(block)
                mean.as_in_context(into[name].context).copyto(into[name])

    def get_states(self, merge_multi_context: bool = True) -> list[list[Any]]:
        """The states, each a list of one array a device. AssertionError for merged ones."""
        assert not merge_multi_context, "merge_multi_context=True is not supported for get_states yet."
        return self.state_arrays

    def set_states(self, states: Any = None, value: Any = None) -> None:
        """Write the states: either arrays, as `get_states` returns them, or one number."""
        if states is not None:
            assert value is None, "Only one of states & value can be specified."
            _load_general(states, self.state_arrays, (0,) * len(states))
            return
        assert value is not None, "At least one of states & value must be specified."
        for arrays in self.state_arrays:
            for one in arrays:
                one[:] = value

    # ---- passes ----------------------------------------------------------------------------------

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs for a batch, or for a list of one batch a device."""
        if is_train is None:
            is_train = self.for_training
        self.settle()
        _load_data(data_batch, self.data_arrays, self.data_layouts)
        first = data_batch[0] if isinstance(data_batch, list) else data_batch
        if self.label_arrays is not None and first.label:
            _load_label(data_batch, self.label_arrays, self.label_layouts)
        for one in self.execs:
            one.forward(is_train=is_train)
            if not is_train:
                self._predicted += one.outputs

    def settle(self) -> None:
        """Compute the outputs of the last forward pass outside training, if they are still pending.

        A training step computes what is pending when the next one begins. Predictions that nobody reads would become
        one ever longer program.
        """
        for one in self._predicted:
            if one._value.buffer is None:
                one.wait_to_read()
        self._predicted = []

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients.

        out_grads: the gradients of the outputs, an array or a list; None: the outputs are losses.

        AssertionError unless bound for training.
        """
        assert self.for_training, "re-bind with for_training=True to run backward"
        given = [out_grads] if isinstance(out_grads, NDArray) else out_grads or []
        for i, one in enumerate(self.execs):
            parts = []
            for grad, axis in zip(given, self.output_layouts):
                parts.append(self._part(grad, i, axis).as_in_context(self.contexts[i]))
            one.backward(out_grads=parts)

    def get_output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """The names and shapes of the outputs for a whole batch."""
        found = []
        for name, out, axis in zip(self.output_names, self.execs[0].outputs, self.output_layouts):
            shape = list(out.shape)
            if axis >= 0:
                shape[axis] = self.batch_size
            found.append((name, tuple(shape)))
        return found

    def get_outputs(self, merge_multi_context: bool = True, begin: int = 0, end: int | None = None) -> list[Any]:
        """The outputs of the last forward pass, from `begin` on, up to and without `end`.

        merge_multi_context: whether those of several devices are concatenated; else each is a list of one a device.
        """
        of_execs = [one.outputs for one in self.execs]
        outputs = [[outs[i] for outs in of_execs] for i in range(begin, self.num_outputs if end is None else end)]
        return _merge_multi_context(outputs, self.output_layouts[begin:]) if merge_multi_context else outputs

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The gradients of the data; as `get_outputs`."""
        assert self.inputs_need_grad and self.input_grad_arrays is not None
        return _merge_multi_context(self.input_grad_arrays, self.data_layouts) if merge_multi_context \
            else self.input_grad_arrays

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool) -> None:
        """Update a metric by labels and the last outputs, device by device.

        labels: a list of arrays; a list of such lists, one a device, with `pre_sliced`.
        """
        for i, one in enumerate(self.execs):
            parts = labels[i] if pre_sliced else \
                [self._part(label, i, axis) for label, axis in zip(labels, self.label_layouts)]
            eval_metric.update_dict(OrderedDict(zip(self.label_names or (), parts)),
                                    OrderedDict(zip(self.output_names, one.outputs)))

    def _part(self, array: Any, i: int, axis: int) -> Any:
        """The part of an array that belongs to the device `i`."""
        return array if self.slices is None else _sliced(array, self.slices[i], axis)

    def install_monitor(self, mon: Any) -> None:
        """Install a monitor on all executors."""
        for one in self.execs:
            mon.install(one)
