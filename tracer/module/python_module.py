"""Modules without a symbol, whose passes a user writes: `PythonModule` and `PythonLossModule`."""
from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from .. import ndarray
from .base_module import _UNIFORM, BaseModule

nd: Any = ndarray  # its functions are generated: type checkers do not see them

__all__ = ["PythonLossModule", "PythonModule"]


class PythonModule(BaseModule):
    """A module without parameters. A subclass defines `forward`, `backward`, `get_outputs`, `_compute_output_shapes`.

    data_names, label_names, output_names: the names of its inputs and outputs; no labels: None.
    logger: as of `BaseModule`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/module/index.html

    >>> PythonModule(("data",), None, ["out"]).data_names
    ['data']
    """

    def __init__(self, data_names: Sequence[str], label_names: Sequence[str] | None, output_names: Sequence[str],
                 logger: Any = logging) -> None:
        super().__init__(logger=logger)
        self._data_names: Any = list(data_names) if isinstance(data_names, tuple) else data_names
        self._label_names: Any = list(label_names) if isinstance(label_names, tuple) else label_names
        self._output_names: Any = output_names
        self._data_shapes: Any = None
        self._label_shapes: Any = None
        self._output_shapes: Any = None

    # ---- names and shapes ------------------------------------------------------------------------

    @property
    def data_names(self) -> Any:
        """The names of the data."""
        return self._data_names

    @property
    def output_names(self) -> Any:
        """The names of the outputs."""
        return self._output_names

    @property
    def data_shapes(self) -> Any:
        """The names and shapes of the data."""
        return self._data_shapes

    @property
    def label_shapes(self) -> Any:
        """The names and shapes of the labels, or None."""
        return self._label_shapes

    @property
    def output_shapes(self) -> Any:
        """The names and shapes of the outputs."""
        return self._output_shapes

    # ---- setup -----------------------------------------------------------------------------------

    def get_params(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Two empty dictionaries."""
        return {}, {}

    def init_params(self, initializer: Any = _UNIFORM, arg_params: Any = None, aux_params: Any = None,
                    allow_missing: bool = False, force_init: bool = False, allow_extra: bool = False) -> None:
        """Do nothing: there are no parameters."""

    def init_optimizer(self, kvstore: Any = "local", optimizer: Any = "sgd",
                       optimizer_params: Any = (("learning_rate", 0.01),), force_init: bool = False) -> None:
        """Do nothing: there are no parameters."""

    def update(self) -> None:
        """Do nothing: there are no parameters."""

    def bind(self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True,
             inputs_need_grad: bool = False, force_rebind: bool = False, shared_module: Any = None,
             grad_req: Any = "write") -> None:
        """Note the shapes; parameters as of `BaseModule.bind`.

        AssertionError for other names, and for a `grad_req` other than "write".
        """
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        assert grad_req == "write", "Python module only support write gradient"
        self.for_training = for_training
        self.inputs_need_grad = inputs_need_grad
        assert [one[0] for one in data_shapes] == self._data_names, \
            f"the data is {self._data_names}, not {[one[0] for one in data_shapes]}"
        self._data_shapes = data_shapes
        self._label_shapes = label_shapes
        if label_shapes is not None:
            assert [one[0] for one in label_shapes] == self._label_names, \
                f"the labels are {self._label_names}, not {[one[0] for one in label_shapes]}"
        self._output_shapes = self._compute_output_shapes()

    def _compute_output_shapes(self) -> Any:
        """The names and shapes of the outputs, from those of the inputs. Subclasses define it."""
        raise self._missing("_compute_output_shapes")

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Update a metric by labels and the outputs; nothing if there are no labels.

        RuntimeError for labels by device.
        """
        if self._label_shapes is None:
            return
        if pre_sliced:
            raise RuntimeError("PythonModule does not support presliced labels")
        eval_metric.update(labels, self.get_outputs())


class PythonLossModule(PythonModule):
    """A loss at the end of a `SequentialModule`: its output is its input, and a function gives the gradient.

    name: the beginning of the output's name.
    data_names, label_names: the names of the scores and the labels, one each.
    logger: as of `BaseModule`.
    grad_func: a function of scores and labels that returns the gradient of the scores, an array of ours or of NumPy's;
        without it, a subclass defines `_backward_impl`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/module/index.html

    >>> PythonLossModule(grad_func=lambda scores, labels: scores - labels).output_names
    ['pyloss_output']
    """

    def __init__(self, name: str = "pyloss", data_names: Sequence[str] = ("data",),
                 label_names: Sequence[str] = ("softmax_label",), logger: Any = logging,
                 grad_func: Callable[[Any, Any], Any] | None = None) -> None:
        super().__init__(data_names, label_names, [f"{name}_output"], logger=logger)
        self._name = name
        assert len(data_names) == 1
        assert len(label_names) == 1
        self._scores: Any = None
        self._labels: Any = None
        self._scores_grad: Any = None
        assert grad_func is None or callable(grad_func)
        self._grad_func = grad_func

    def _compute_output_shapes(self) -> Any:
        return [(f"{self._name}_output", self._data_shapes[0][1])]

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Keep the scores and, for training, the labels."""
        self._scores = data_batch.data[0]
        if self.for_training if is_train is None else is_train:
            self._labels = data_batch.label[0]

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """The scores."""
        assert merge_multi_context is True
        return [self._scores]

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradient of the scores. AssertionError for given gradients: this is a loss."""
        assert out_grads is None, "For a loss module, out_grads should be None"
        assert self.for_training
        self._backward_impl()

    def _backward_impl(self) -> None:
        """Set `_scores_grad` by `grad_func`. NotImplementedError without one."""
        if self._grad_func is None:
            raise self._missing("_backward_impl, and was given no grad_func")
        grad = self._grad_func(self._scores, self._labels)
        self._scores_grad = grad if isinstance(grad, nd.NDArray) else nd.array(grad)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The gradient of the scores."""
        assert merge_multi_context is True
        return [self._scores_grad]

    def install_monitor(self, mon: Any) -> None:
        """Not supported: raises NotImplementedError, as there is no executor."""
        raise NotImplementedError(f"{type(self).__name__} has no executor to monitor")
