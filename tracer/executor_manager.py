"""`mx.executor_manager`: executors on several devices for `mx.model.FeedForward`; each batch is divided among them."""
from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from .base import mx_real_t
from .context import cpu
from .io import DataDesc
from .module.slices import _load_data, _load_label, _split_input_slice

__all__ = ["DataParallelExecutorGroup", "DataParallelExecutorManager", "_check_arguments", "_split_input_slice"]


def _check_arguments(symbol: Any) -> None:
    """Raise ValueError if two arguments, or two auxiliary states, have one name."""
    arguments, states = symbol.list_arguments(), symbol.list_auxiliary_states()
    for kind, names in (("argument", arguments), ("auxiliary param", states)):
        for name in names:
            if names.count(name) > 1:
                also = "" if kind == "argument" else f", auxiliary params are {states}"
                raise ValueError(f'Find duplicated {kind} name "{name}", please make the weight name non-duplicated('
                                 f"using name arguments), arguments are {arguments}{also}")


class DataParallelExecutorGroup:
    """The executors of a symbol, one a device.

    sym: the symbol.
    arg_names: the names of its arguments.
    param_names: the names of its parameters.
    ctx: the devices.
    slices: the part of a batch that each device has.
    train_data: an object with `provide_data` and `provide_label`.
    shared_group: a group whose parameters' arrays are used.

    >>> from tracer import cpu, io, nd, sym
    >>> net = sym.SoftmaxOutput(sym.FullyConnected(sym.var("data"), num_hidden=2, name="fc"), name="softmax")
    >>> data = io.NDArrayIter(nd.ones((4, 3)), nd.zeros((4,)), 4)
    >>> group = DataParallelExecutorGroup(net, net.list_arguments(), ["fc_weight", "fc_bias"], [cpu()], [slice(0, 4)],
    ...                                   data)
    >>> [blocks[0].shape for blocks in group.param_arrays]
    [(2, 3), (2,)]
    """

    def __init__(self, sym: Any, arg_names: Sequence[str], param_names: Sequence[str], ctx: Sequence[Any],
                 slices: Sequence[slice], train_data: Any, shared_group: Any = None) -> None:
        _check_arguments(sym)
        inputs = [one if isinstance(one, DataDesc) else DataDesc(*one)
                  for one in (*train_data.provide_data, *train_data.provide_label)]
        self.shared_data_arrays = [{} for _ in ctx] if shared_group is None else shared_group.shared_data_arrays
        self.data_names = [one[0] for one in train_data.provide_data]
        self.label_names = [one[0] for one in train_data.provide_label]
        self.aux_names = sym.list_auxiliary_states()
        self.param_idx = [i for i, name in enumerate(arg_names) if name in param_names]
        self.param_names = [arg_names[i] for i in self.param_idx]
        requests = {name: "null" if name in self.data_names + self.label_names else "write" for name in arg_names}
        self.train_execs = []
        for i, context in enumerate(ctx):
            size = slices[i].stop - slices[i].start
            self.train_execs.append(sym.simple_bind(
                ctx=context, grad_req=requests, type_dict={one.name: one.dtype or mx_real_t for one in inputs},
                shared_arg_names=self.param_names, shared_buffer=self.shared_data_arrays[i],
                shared_exec=None if shared_group is None else shared_group.train_execs[i],
                **{one.name: (size, *one.shape[1:]) for one in inputs}))
        self.slices = slices
        execs = self.train_execs
        self.data_arrays, self.label_arrays = [
            [[(slices[i], e.arg_dict[name]) for i, e in enumerate(execs)] for name in names]
            for names in (self.data_names, self.label_names)]
        self.param_arrays = [[e.arg_arrays[i] for e in execs] for i in self.param_idx]
        self.grad_arrays = [[e.grad_arrays[i] for e in execs] for i in self.param_idx]
        self.aux_arrays = [[e.aux_arrays[i] for e in execs] for i in range(len(self.aux_names))]

    def load_data_batch(self, data_batch: Any) -> None:
        """Write a batch into the arrays."""
        _load_data(data_batch, self.data_arrays, [0] * len(self.data_arrays))
        _load_label(data_batch, self.label_arrays, [0] * len(self.label_arrays))

    def forward(self, is_train: bool = False) -> None:
        """Compute the outputs on each device."""
        for one in self.train_execs:
            one.forward(is_train=is_train)

    def backward(self) -> None:
        """Compute the gradients on each device."""
        for one in self.train_execs:
            one.backward()

    def update_metric(self, metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Update a metric by labels and the last outputs; with `pre_sliced` there is a list of labels a device."""
        for i, one in enumerate(self.train_execs):
            metric.update(labels[i] if pre_sliced else [label[self.slices[i]] for label in labels], one.outputs)


class DataParallelExecutorManager:
    """The groups of executors of a symbol, or of a symbol for each bucket.

    symbol: the symbol; for buckets, that of the default one.
    ctx: the devices.
    train_data: the iterator over batches.
    arg_names, param_names, aux_names: the names of arguments, parameters and auxiliary states.
    work_load_list: the load of each device; None: the same for all.
    logger: the logger.
    sym_gen: a function from a bucket's key to a symbol, or None.

    >>> from tracer import cpu, io, nd, sym
    >>> net = sym.SoftmaxOutput(sym.FullyConnected(sym.var("data"), num_hidden=2, name="fc"), name="softmax")
    >>> data = io.NDArrayIter(nd.ones((4, 3)), nd.zeros((4,)), 4)
    >>> manager = DataParallelExecutorManager(net, [cpu()], data, net.list_arguments(), ["fc_weight", "fc_bias"], [])
    >>> manager.load_data_batch(data.next())
    >>> manager.forward()
    >>> manager.curr_execgrp.train_execs[0].outputs[0].shape
    (4, 2)
    """

    def __init__(self, symbol: Any, ctx: Sequence[Any], train_data: Any, arg_names: Sequence[str],
                 param_names: Sequence[str], aux_names: Sequence[str], work_load_list: Sequence[float] | None = None,
                 logger: Any = None, sym_gen: Callable[[Any], Any] | None = None) -> None:
        (logger or logging).info("Start training with %s", str(ctx))
        if work_load_list is None:
            work_load_list = [1] * len(ctx)
        assert isinstance(work_load_list, list) and len(work_load_list) == len(ctx), "Invalid settings for work load. "
        self.slices = _split_input_slice(train_data.batch_size, work_load_list)
        self.arg_names = arg_names
        self.param_names = param_names
        self.aux_names = aux_names
        self.ctx = ctx
        self.execgrp = DataParallelExecutorGroup(symbol, arg_names, param_names, ctx, self.slices, train_data)
        self.symbol = symbol
        self.sym_gen = sym_gen
        self.curr_execgrp: Any = None
        if sym_gen is not None:
            self.execgrp_bucket = {train_data.default_bucket_key: self.execgrp}

    def install_monitor(self, monitor: Any) -> None:
        """Install a monitor on all executors. NotImplementedError for buckets."""
        if self.sym_gen is not None:
            raise NotImplementedError("Monitoring is not implemented for bucketing")
        for one in self.execgrp.train_execs:
            monitor.install(one)

    def set_params(self, arg_params: dict[str, Any], aux_params: dict[str, Any]) -> None:
        """Write parameters and auxiliary states by name into the arrays of all devices."""
        for one in self.execgrp.train_execs:
            one.copy_params_from(arg_params, aux_params)

    def copy_to(self, arg_params: dict[str, Any], aux_params: dict[str, Any]) -> None:
        """Write the means of the parameters of all devices into the given arrays by name."""
        for names, arrays, into in ((self.execgrp.param_names, self.param_arrays, arg_params),
                                    (self.aux_names, self.aux_arrays, aux_params)):
            for name, block in zip(names, arrays):
                mean = block[0] if len(block) == 1 else sum([one.copyto(cpu()) for one in block]) / len(block)
                mean.copyto(into[name])

    @property
    def param_arrays(self) -> list[list[Any]]:
        """The parameters, each a list of one array a device."""
        return self.execgrp.param_arrays

    @property
    def grad_arrays(self) -> list[list[Any]]:
        """The gradients, each a list of one array a device."""
        return self.execgrp.grad_arrays

    @property
    def aux_arrays(self) -> list[list[Any]]:
        """The auxiliary states, each a list of one array a device."""
        return self.execgrp.aux_arrays

    def load_data_batch(self, data_batch: Any) -> None:
        """Write a batch into the arrays of the group of its bucket."""
        self.curr_execgrp = self.execgrp
        if self.sym_gen is not None:
            key = data_batch.bucket_key
            if key not in self.execgrp_bucket:
                self.execgrp_bucket[key] = DataParallelExecutorGroup(
                    self.sym_gen(key), self.arg_names, self.param_names, self.ctx, self.slices, data_batch,
                    shared_group=self.execgrp)
            self.curr_execgrp = self.execgrp_bucket[key]
        self.curr_execgrp.load_data_batch(data_batch)

    def forward(self, is_train: bool = False) -> None:
        """Compute the outputs."""
        self.curr_execgrp.forward(is_train=is_train)

    def backward(self) -> None:
        """Compute the gradients."""
        self.curr_execgrp.backward()

    def update_metric(self, metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Update a metric by labels and the last outputs."""
        self.curr_execgrp.update_metric(metric, labels, pre_sliced)
