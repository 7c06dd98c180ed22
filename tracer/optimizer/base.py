"""`mx.optimizer.Optimizer`: the base of all optimizers, its registry, and the counting of updates."""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy

from ..array.nd_array import NDArray
from ..util import is_np_array


class Optimizer:
    """The base of optimizers: rates, decays and counts of updates. A subclass defines `create_state` and `update`.

    A subclass written for MXNet 2.0 defines `step` (or `fused_step`, called with use_fused_step=True) of lists instead
    of `update`.

    rescale_grad: the gradients' factor, often 1 / batch size.
    param_idx2name: names of the parameters by index, by which `set_lr_mult` and `set_wd_mult` find them.
    wd: the weight decay.
    clip_gradient: the bound of the gradients' absolute values; None: no bound.
    learning_rate: 0.01 where there is no lr_scheduler; with one, the new base_lr of that.
    lr_scheduler: a function of the number of updates (`mx.lr_scheduler`).
    sym: a symbol whose variables' attributes give factors of rates and decays.
    begin_num_update: the number of updates at the start.
    multi_precision: whether float16 weights are updated in a float32 copy, which is part of the state.
    param_dict: parameters by index, whose lr_mult and wd_mult count.
    aggregate_num: the greatest number of arrays that `Updater` hands to one call; 0: one, not in a list.
    use_fused_step: whether `update` calls `fused_step`.

    >>> from tracer import nd
    >>> class Descent(Optimizer):
    ...     def update(self, index, weight, grad, state):
    ...         self._update_count(index)
    ...         weight[:] = weight - self._get_lr(index) * grad
    >>> weight = nd.array([1, 2])
    >>> Descent(learning_rate=0.5).update(0, weight, nd.array([1, 1]), None)
    >>> weight.asnumpy()
    array([0.5, 1.5], dtype=float32)
    """

    opt_registry: dict[str, type[Optimizer]] = {}
    use_fused_step: bool = False  # for optimizers unpickled from MXNet 1.9.1, which lacks it

    def __init__(self, rescale_grad: float = 1.0, param_idx2name: dict[int, str] | None = None, wd: float = 0.0,
                 clip_gradient: float | None = None, learning_rate: float | None = None, lr_scheduler: Any = None,
                 sym: Any = None, begin_num_update: int = 0, multi_precision: bool = False,
                 param_dict: dict[int, Any] | None = None, aggregate_num: int | None = None,
                 use_fused_step: bool | None = None) -> None:
        self.rescale_grad = rescale_grad
        self.lr_scheduler = lr_scheduler
        if lr_scheduler is None and learning_rate is None:
            learning_rate = 0.01
        self.lr: Any = learning_rate
        if lr_scheduler is not None and learning_rate is not None and lr_scheduler.base_lr != learning_rate:
            print(UserWarning("learning rate from ``lr_scheduler`` has been overwritten by ``learning_rate`` in "
                              "optimizer."))
            lr_scheduler.base_lr = learning_rate
        self.wd = wd
        self.lr_mult: dict[Any, float] = {}
        self.wd_mult: dict[Any, float] = {}
        self.begin_num_update = begin_num_update
        self.num_update = begin_num_update
        self._all_index_update_counts: dict[int, dict[Any, int]] = {0: {}}
        self._index_update_count = self._all_index_update_counts[0]
        self.clip_gradient = clip_gradient
        self.multi_precision = multi_precision
        self.aggregate_num = 0 if aggregate_num is None else aggregate_num
        if param_idx2name is None:
            param_idx2name = {}
        assert isinstance(param_idx2name, dict), \
            f"param_idx2name should be a dict of param indexes to names, got {type(param_idx2name).__name__}"
        self.idx2name = param_idx2name.copy()
        self.sym_info = (sym.attr_dict(), sym.list_arguments()) if sym is not None else ()
        self.param_dict = param_dict if param_dict else {}
        self.allow_np_array = is_np_array()
        self.use_fused_step = bool(use_fused_step)
        self.set_lr_mult({})
        self.set_wd_mult({})

    @staticmethod
    def register(klass: type[Optimizer]) -> type[Optimizer]:
        """Enter a class under its name in lower case, for `create`; returns it. Warns when it replaces another.

        >>> @Optimizer.register
        ... class MyDescent(Optimizer):
        ...     pass
        >>> type(create("mydescent")) is MyDescent
        True
        >>> del Optimizer.opt_registry["mydescent"]
        """
        assert isinstance(klass, type), f"register takes a class, got {klass!r}"
        name = klass.__name__.lower()
        if name in Optimizer.opt_registry:
            old = Optimizer.opt_registry[name]
            warnings.warn(f"WARNING: New optimizer {klass.__module__}.{klass.__name__} is overriding existing "
                          f"optimizer {old.__module__}.{old.__name__}", stacklevel=2)
        Optimizer.opt_registry[name] = klass
        return klass

    @staticmethod
    def create_optimizer(name: str, **kwargs: Any) -> Optimizer:
        """Create an optimizer by its registered name, in any case of letters. ValueError for an unknown one.

        >>> Optimizer.create_optimizer("sgd", learning_rate=0.1).learning_rate
        0.1
        """
        found = Optimizer.opt_registry.get(name.lower())
        if found is None:
            raise ValueError(f"Cannot find optimizer {name}; there are {', '.join(sorted(Optimizer.opt_registry))}")
        return found(**kwargs)

    @property
    def learning_rate(self) -> float:
        """The current learning rate, before a parameter's own factor."""
        return self.lr if self.lr_scheduler is None else self.lr_scheduler(self.num_update)

    def create_state(self, index: Any, weight: Any) -> Any:
        """The state of a new weight: None, an array or a tuple of them. Subclasses define it."""

    def create_state_multi_precision(self, index: Any, weight: Any) -> Any:
        """The state of a new weight; of a float16 weight, under multi_precision: its float32 copy and that's state."""
        if weight.dtype == numpy.float16:
            if self.multi_precision:
                copy = weight.astype(numpy.float32)
                return copy, self.create_state(index, copy)
            self._warn_of_float16()
        return self.create_state(index, weight)

    def _warn_of_float16(self) -> None:
        warnings.warn("Accumulating with float16 in optimizer can lead to poor accuracy or slow convergence. Consider "
                      f"using multi_precision=True option of the {type(self).__name__} optimizer", stacklevel=3)

    def step(self, indices: Sequence[Any], weights: Sequence[NDArray], grads: Sequence[NDArray],
             states: Sequence[Any]) -> None:
        """Update several weights. Subclasses written for MXNet 2.0 define it."""
        raise NotImplementedError(f"{type(self).__name__} defines neither update nor step")

    def fused_step(self, indices: Sequence[Any], weights: Sequence[NDArray], grads: Sequence[NDArray],
                   states: Sequence[Any]) -> None:
        """Update several weights, under use_fused_step. Subclasses written for MXNet 2.0 define it."""
        raise NotImplementedError(f"{type(self).__name__} defines neither update nor fused_step")

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update a weight, or several given by lists: write the weight and its state. Subclasses define it.

        index: the weight's number (or list of numbers), by which its rate, decay and count are found.
        weight, grad, state: arrays of one shape, and what `create_state` returned.
        """
        if not isinstance(index, (list, tuple)):
            index, weight, grad, state = [index], [weight], [grad], [state]
        for array in (*weight, *grad):
            assert isinstance(array, NDArray), f"weights and gradients are NDArrays, got {type(array).__name__}"
        (self.fused_step if self.use_fused_step else self.step)(index, weight, grad, state)

    def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update as `update` does; float16 weights, under multi_precision, by way of their float32 copies."""
        if isinstance(index, (list, tuple)):
            copied = [self._is_copied(one) for one in weight]
            if not any(copied):
                self.update(index, weight, grad, state)
                return
            masters = [s[0] if c else w for c, w, s in zip(copied, weight, state)]
            self.update(index, masters, [g.astype(numpy.float32) if c else g for c, g in zip(copied, grad)],
                        [s[1] if c else s for c, s in zip(copied, state)])
            for one, master, c in zip(weight, masters, copied):
                if c:
                    one[:] = master.astype(one.dtype)
        elif self._is_copied(weight):
            self.update(index, state[0], grad.astype(numpy.float32), state[1])
            weight[:] = state[0].astype(weight.dtype)
        else:
            self.update(index, weight, grad, state)

    def _is_copied(self, weight: Any) -> bool:
        """Whether the weight's state has a float32 copy of it."""
        return self.multi_precision and weight.dtype == numpy.float16

    def set_learning_rate(self, lr: float) -> None:
        """Set the learning rate. UserWarning, raised, where an lr_scheduler decides on it."""
        if self.lr_scheduler is not None:
            raise UserWarning("LRScheduler of the optimizer has already been defined. Note that set_learning_rate can "
                              "mutate the value of the learning rate of the optimizer only when the LRScheduler of the "
                              "optimizer is undefined.")
        self.lr = lr

    def set_lr_scale(self, args_lrscale: Any) -> None:
        """Raise DeprecationWarning, as MXNet does: `set_lr_mult` replaced it."""
        raise DeprecationWarning("set_lr_scale: use set_lr_mult")

    def set_lr_mult(self, args_lr_mult: dict[Any, float]) -> None:
        """Set the parameters' factors of the learning rate, by name or index; others have their symbol's, or 1."""
        self.lr_mult = {**self._attributes("__lr_mult__"), **args_lr_mult}

    def set_wd_mult(self, args_wd_mult: dict[Any, float]) -> None:
        """Set the parameters' factors of the weight decay, by name or index; others have their symbol's, or 1.

        A named parameter whose name does not end in _weight or _gamma has 0 by default.
        """
        self.wd_mult = {**self._undecayed(("_weight", "_gamma")), **self._attributes("__wd_mult__"), **args_wd_mult}

    def _undecayed(self, decayed: tuple[str, ...]) -> dict[str, float]:
        return {name: 0.0 for name in self.idx2name.values() if not name.endswith(decayed)}

    def _attributes(self, key: str) -> dict[str, float]:
        if not self.sym_info:
            return {}
        attributes, names = self.sym_info
        return {name: float(attributes[name][key]) for name in names if key in attributes.get(name, ())}

    def _set_current_context(self, device_id: int) -> None:
        """Count the following updates as those of a device: each has its own counts."""
        self._index_update_count = self._all_index_update_counts.setdefault(device_id, {})

    def _set_current_device(self, device_id: int) -> None:
        """Count the following updates as those of a device, under the method's name in MXNet 2.0."""
        self._set_current_context(device_id)

    def _update_count(self, index: Any) -> None:
        """Count an update of a weight, or of each of a list of weights."""
        indices = index if isinstance(index, (list, tuple)) else (index,)
        self.num_update = count_updates(self._index_update_count, indices, self.begin_num_update, self.num_update)

    def _factor(self, index: Any, given: dict[Any, float]) -> float:
        """The factor of a weight that is not in param_dict, by its index or name; 1 if it has none."""
        if index in given:
            return given[index]
        return given.get(self.idx2name[index], 1.0) if index in self.idx2name else 1.0

    def _get_lrs(self, indices: Sequence[Any]) -> list[float]:
        """The learning rates of the weights with these indices."""
        lr, params, given = self.learning_rate, self.param_dict, self.lr_mult
        return [lr * params[i].lr_mult if i in params else lr * self._factor(i, given) for i in indices]

    def _get_lr(self, index: Any) -> float:
        """The learning rate of the weight with this index."""
        return self._get_lrs([index])[0]

    def _get_wds(self, indices: Sequence[Any]) -> list[float]:
        """The weight decays of the weights with these indices."""
        wd, params, given = self.wd, self.param_dict, self.wd_mult
        return [wd * params[i].wd_mult if i in params else wd * self._factor(i, given) for i in indices]

    def _get_wd(self, index: Any) -> float:
        """The weight decay of the weight with this index."""
        return self._get_wds([index])[0]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "param_dict"}  # it is the trainer's

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        self.param_dict = {}


def count_updates(counts: dict[Any, int], indices: Sequence[Any], before: int, most: int) -> int:
    """Count an update of each of these weights; returns the highest count, or `most` if that is higher.

    before: the count of a weight that is not in `counts`.
    """
    for index in indices:
        count = counts.get(index, before) + 1
        counts[index] = count
        if count > most:
            most = count
    return most


register = Optimizer.register
create = Optimizer.create_optimizer
