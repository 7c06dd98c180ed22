"""The training loop of `mx.model.FeedForward`."""
from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from .checkpoints import BatchEndParam, _multiple_callbacks
from .executor_manager import DataParallelExecutorManager
from .gradient_stores import _initialize_kvstore, _update_params, _update_params_on_kvstore
from .optimizer import get_updater

__all__: list[str] = []


def _train_multi_device(symbol: Any, ctx: Sequence[Any], arg_names: Sequence[str], param_names: Sequence[str],
                        aux_names: Sequence[str], arg_params: dict[str, Any], aux_params: dict[str, Any],
                        begin_epoch: int, end_epoch: int, epoch_size: int | None, optimizer: Any, kvstore: Any,
                        update_on_kvstore: bool, train_data: Any, eval_data: Any = None, eval_metric: Any = None,
                        epoch_end_callback: Any = None, batch_end_callback: Any = None, logger: Any = None,
                        work_load_list: Any = None, monitor: Any = None, eval_end_callback: Any = None,
                        eval_batch_end_callback: Any = None, sym_gen: Any = None) -> None:
    """Train a symbol; `arg_params` and `aux_params` are its initial parameters and states, and become the trained ones.

    epoch_size: the number of batches in an epoch; None: until the iterator ends.
    Other parameters are as of `FeedForward` and `FeedForward.fit`.
    """
    if logger is None:
        logger = logging
    executor_manager = DataParallelExecutorManager(symbol=symbol, sym_gen=sym_gen, ctx=ctx, train_data=train_data,
                                                   param_names=param_names, arg_names=arg_names, aux_names=aux_names,
                                                   work_load_list=work_load_list, logger=logger)
    if monitor:
        executor_manager.install_monitor(monitor)
    executor_manager.set_params(arg_params, aux_params)
    updater = None
    if update_on_kvstore:
        kvstore.set_optimizer(optimizer)
    else:
        updater = get_updater(optimizer)
    if kvstore:
        _initialize_kvstore(kvstore=kvstore, param_arrays=executor_manager.param_arrays, arg_params=arg_params,
                            param_names=param_names, update_on_kvstore=update_on_kvstore)

    def update() -> None:
        params, grads = executor_manager.param_arrays, executor_manager.grad_arrays
        if update_on_kvstore:
            _update_params_on_kvstore(params, grads, kvstore, param_names)
        else:
            _update_params(params, grads, updater=updater, num_device=len(ctx), kvstore=kvstore,
                           param_names=param_names)

    train_data.reset()
    for epoch in range(begin_epoch, end_epoch):
        tic = time.time()
        eval_metric.reset()
        nbatch = 0
        while True:
            do_reset = True
            for data_batch in train_data:
                executor_manager.load_data_batch(data_batch)
                if monitor is not None:
                    monitor.tic()
                executor_manager.forward(is_train=True)
                executor_manager.backward()
                update()
                if monitor is not None:
                    monitor.toc_print()
                executor_manager.update_metric(eval_metric, data_batch.label)
                nbatch += 1
                if batch_end_callback is not None:
                    _multiple_callbacks(batch_end_callback, BatchEndParam(epoch, nbatch, eval_metric, locals()))
                if epoch_size is not None and nbatch >= epoch_size:
                    do_reset = False
                    break
            if do_reset:
                logger.info("Epoch[%d] Resetting Data Iterator", epoch)
                train_data.reset()
            if epoch_size is None or nbatch >= epoch_size:
                break
        logger.info("Epoch[%d] Time cost=%.3f", epoch, time.time() - tic)
        if epoch_end_callback or epoch + 1 == end_epoch:
            executor_manager.copy_to(arg_params, aux_params)
        _multiple_callbacks(epoch_end_callback, epoch, symbol, arg_params, aux_params)
        if eval_data:
            _evaluate(executor_manager, eval_data, eval_metric, epoch, eval_batch_end_callback, eval_end_callback)


def _evaluate(executor_manager: DataParallelExecutorManager, eval_data: Any, eval_metric: Any, epoch: int,
              eval_batch_end_callback: Any, eval_end_callback: Any) -> None:
    """Measure the predictions for data after an epoch."""
    eval_metric.reset()
    eval_data.reset()
    total_num_batch = 0
    for i, eval_batch in enumerate(eval_data):
        executor_manager.load_data_batch(eval_batch)
        executor_manager.forward(is_train=False)
        executor_manager.update_metric(eval_metric, eval_batch.label)
        if eval_batch_end_callback is not None:
            _multiple_callbacks(eval_batch_end_callback, BatchEndParam(epoch, i, eval_metric, locals()))
        total_num_batch += 1
    if eval_end_callback is not None:
        _multiple_callbacks(eval_end_callback, BatchEndParam(epoch, total_num_batch, eval_metric, locals()))
    eval_data.reset()
