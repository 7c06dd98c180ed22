"""The optimizers of `SVRGModule`: one that applies another, or stores a gradient as it is, by the parameter's name."""
from __future__ import annotations

from typing import Any

from ... import optimizer as opt

__all__: list[str] = []

#: The parameters that every optimizer has.
_COMMON = frozenset(("rescale_grad", "param_idx2name", "wd", "clip_gradient", "learning_rate", "lr_scheduler", "sym",
                     "begin_num_update", "multi_precision", "param_dict"))


@opt.register
class _AssignmentOptimizer(opt.Optimizer):
    """An optimizer that writes the gradient into the weight: a store with it keeps sums of gradients.

    >>> from tracer import nd
    >>> weight = nd.zeros(2)
    >>> _AssignmentOptimizer().update(0, weight, nd.array([1, 2]), None)
    >>> weight.asnumpy().tolist()
    [1.0, 2.0]
    """

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Write the gradient into the weight."""
        weight[:] = grad


@opt.register
class _SVRGOptimizer(opt.Optimizer):
    """An optimizer that updates weights by another one, and stores gradients under names with "full" as they are.

    As in MXNet, parameters that have such names themselves ("fullyconnected0_weight") are overwritten by gradients.

    default_optimizer: the other optimizer, or its name; it is then made with all further keywords.
    kwargs: `param_idx2name`, the parameters' names by index, and the parameters of both optimizers.
    """

    def __init__(self, default_optimizer: Any, **kwargs: Any) -> None:
        super().__init__(**self._check_params(**kwargs))
        if isinstance(default_optimizer, str):
            default_optimizer = opt.create(default_optimizer, **kwargs)
        self.default_opt = default_optimizer
        self.aux_opt = opt.create(_AssignmentOptimizer.__name__)

    @staticmethod
    def _check_params(**kwargs: Any) -> dict[str, Any]:
        """The keywords that every optimizer has."""
        return {name: value for name, value in kwargs.items() if name in _COMMON}

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update a weight by the optimizer for its name."""
        self._chosen(index).update(index, weight, grad, state)

    def create_state(self, index: Any, weight: Any) -> Any:
        """The state of a new weight, by the optimizer for its name."""
        return self._chosen(index).create_state(index, weight)

    def _chosen(self, index: Any) -> Any:
        return self.aux_opt if "full" in self._check_index(index) else self.default_opt

    def _check_index(self, index: Any) -> str:
        """The name of a parameter, given that or its index."""
        return index if index in self.idx2name.values() else self.idx2name[index]
