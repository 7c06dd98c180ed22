"""Normalizations: layers that shift and scale their data to mean 0 and variance 1, over a batch or an example."""
from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ...context import num_gpus
from ...generation import is_2
from ...util import is_np_array
from ..hybrid_block import HybridBlock
from . import flavour

__all__ = ["BatchNorm", "BatchNormReLU", "GroupNorm", "InstanceNorm", "LayerNorm", "SyncBatchNorm"]


class _Normalization(HybridBlock):
    """A normalization's scale `gamma` and shift `beta`, and what it prints.

    center, scale: whether beta and gamma are trained.
    channels: their length; 0: found in the first pass.
    differentiable: whether gamma and beta can be trained at all, where center and scale are False.
    """

    _kwargs: dict[str, Any]

    def _make_scale_and_shift(self, channels: int, center: bool, scale: bool, beta_initializer: Any,
                              gamma_initializer: Any, differentiable: bool = True) -> None:
        for name, trained, init in (("gamma", scale, gamma_initializer), ("beta", center, beta_initializer)):
            made = self.params.get(name, grad_req="write" if trained else "null", shape=(channels,), init=init,
                                   allow_deferred_init=True, differentiable=differentiable or bool(trained))
            setattr(self, name, made)

    def _content(self) -> list[str]:
        return [f"{key}={value!r}" for key, value in self._kwargs.items()]

    def _channels(self) -> Any:
        return self.gamma.shape[0]  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join([*self._content(), f'in_channels={self._channels()}'])})"


class _BatchNorm(_Normalization):
    """The base of `BatchNorm` and `BatchNormReLU`; its parameters are theirs.

    fuse_relu: whether the result goes through relu.
    """

    def __init__(self, axis: int = 1, momentum: float = 0.9, epsilon: float = 1e-5, center: bool = True,
                 scale: bool = True, use_global_stats: bool = False, fuse_relu: bool = False,
                 beta_initializer: Any = "zeros", gamma_initializer: Any = "ones",
                 running_mean_initializer: Any = "zeros", running_variance_initializer: Any = "ones",
                 in_channels: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._kwargs = {"axis": axis, "eps": epsilon, "momentum": momentum, "fix_gamma": not scale,
                        "use_global_stats": use_global_stats}
        self.fuse_relu = fuse_relu
        self._axis = axis
        if in_channels != 0:
            self.in_channels = in_channels
        self._make_scale_and_shift(in_channels, center, scale, beta_initializer, gamma_initializer, False)
        for name, init in (("running_mean", running_mean_initializer), ("running_var", running_variance_initializer)):
            setattr(self, name, self.params.get(name, grad_req="null", shape=(in_channels,), init=init,
                                                allow_deferred_init=True, differentiable=False))

    def cast(self, dtype: Any) -> None:
        """Convert the parameters to another element type; for float16 they become float32, as do the statistics."""
        super().cast("float32" if np.dtype(dtype).name == "float16" else dtype)

    def hybrid_forward(self, F: Any, x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any) -> Any:
        """The layer's result."""
        if self.fuse_relu:
            function = flavour.of_contrib(F, x, "BatchNormWithReLU", "batch_norm_with_relu")
        else:
            function = flavour.of(F, x, "BatchNorm", "batch_norm")
        return function(x, gamma, beta, running_mean, running_var, name="fwd", **self._kwargs)

    def _channels(self) -> Any:
        return super()._channels() or None


class BatchNorm(_BatchNorm):
    """Batch normalization: mean and variance are those of the batch in training, else running ones.

    axis: the axis of channels, each of which is normalized over all other axes.
    momentum: the share of the old running statistics that `backward` keeps.
    epsilon: a number added to the variance.
    center, scale: whether the result is shifted by a trained `beta`, and scaled by a trained `gamma`.
    use_global_stats: whether the running statistics are used in training too.
    beta_initializer, gamma_initializer, running_mean_initializer, running_variance_initializer: the initializers.
    in_channels: the number of channels; 0: found in the first pass.

    Ioffe and Szegedy, Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift,
    ICML 2015.
    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/nn/index.html#mxnet.gluon.nn.BatchNorm

    >>> from tracer import autograd, nd
    >>> layer = BatchNorm()
    >>> layer.initialize()
    >>> with autograd.record():
    ...     y = layer(nd.array([[1], [3]]))
    >>> y.asnumpy().round(2).tolist()
    [[-1.0], [1.0]]
    """

    def __init__(self, axis: int = 1, momentum: float = 0.9, epsilon: float = 1e-5, center: bool = True,
                 scale: bool = True, use_global_stats: bool = False, beta_initializer: Any = "zeros",
                 gamma_initializer: Any = "ones", running_mean_initializer: Any = "zeros",
                 running_variance_initializer: Any = "ones", in_channels: int = 0, **kwargs: Any) -> None:
        super().__init__(axis, momentum, epsilon, center, scale, use_global_stats, False, beta_initializer,
                         gamma_initializer, running_mean_initializer, running_variance_initializer, in_channels,
                         **kwargs)


class BatchNormReLU(_BatchNorm):
    """Batch normalization followed by relu; the parameters are those of `BatchNorm`.

    >>> from tracer import nd
    >>> layer = BatchNormReLU(epsilon=0)
    >>> layer.initialize()
    >>> layer(nd.array([[-1], [3]])).asnumpy().tolist()
    [[0.0], [3.0]]
    """

    def __init__(self, axis: int = 1, momentum: float = 0.9, epsilon: float = 1e-5, center: bool = True,
                 scale: bool = True, use_global_stats: bool = False, beta_initializer: Any = "zeros",
                 gamma_initializer: Any = "ones", running_mean_initializer: Any = "zeros",
                 running_variance_initializer: Any = "ones", in_channels: int = 0, **kwargs: Any) -> None:
        super().__init__(axis, momentum, epsilon, center, scale, use_global_stats, True, beta_initializer,
                         gamma_initializer, running_mean_initializer, running_variance_initializer, in_channels,
                         **kwargs)


class SyncBatchNorm(BatchNorm):
    """Batch normalization over the batches of several devices. On one device, and here, it is `BatchNorm`.

    num_devices: the number of devices (1 here, with a warning, if it is None). Statistics are of one device's batch
        whatever it is.

    Zhang et al., Context Encoding for Semantic Segmentation, CVPR 2018.

    >>> SyncBatchNorm(in_channels=2, num_devices=1, prefix="sync_")  # doctest: +ELLIPSIS
    SyncBatchNorm(eps=1e-05, ..., ndev=1, key='sync_', in_channels=2)
    """

    def __init__(self, in_channels: int = 0, num_devices: int | None = None, momentum: float = 0.9,
                 epsilon: float = 1e-5, center: bool = True, scale: bool = True, use_global_stats: bool = False,
                 beta_initializer: Any = "zeros", gamma_initializer: Any = "ones",
                 running_mean_initializer: Any = "zeros", running_variance_initializer: Any = "ones",
                 **kwargs: Any) -> None:
        super().__init__(1, momentum, epsilon, center, scale, use_global_stats, beta_initializer, gamma_initializer,
                         running_mean_initializer, running_variance_initializer, in_channels, **kwargs)
        num_devices = self._get_num_devices() if num_devices is None else num_devices
        self._kwargs = {"eps": epsilon, "momentum": momentum, "fix_gamma": not scale,
                        "use_global_stats": use_global_stats, "ndev": num_devices, "key": self.prefix}

    def _get_num_devices(self) -> int:
        warnings.warn("Caution using SyncBatchNorm: if not using all the GPUs, please mannually set num_devices",
                      UserWarning, stacklevel=3)
        return max(num_gpus(), 1)

    def hybrid_forward(self, F: Any, x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any) -> Any:
        """The layer's result."""
        function = flavour.of_contrib(F, x, "SyncBatchNorm", "sync_batch_norm")
        return function(x, gamma, beta, running_mean, running_var, name="fwd", **self._kwargs)


class LayerNorm(_Normalization):
    """Layer normalization along one axis.

    axis: the axis.
    epsilon: a number added to the variance.
    center, scale: whether the shift `beta` and the scale `gamma` are trained.
    beta_initializer, gamma_initializer: their initializers.
    in_channels: their length, the size of the axis; 0: found in the first pass.

    Ba et al., Layer Normalization, 2016.

    >>> from tracer import nd
    >>> layer = LayerNorm()
    >>> layer.initialize()
    >>> layer(nd.array([[1, 3]])).asnumpy().round(2).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(self, axis: int = -1, epsilon: float = 1e-5, center: bool = True, scale: bool = True,
                 beta_initializer: Any = "zeros", gamma_initializer: Any = "ones", in_channels: int = 0,
                 prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._kwargs = {"eps": epsilon, "axis": axis, "center": center, "scale": scale}
        self._axis = axis
        self._epsilon = epsilon
        self._center = center
        self._scale = scale
        self._make_scale_and_shift(in_channels, center, scale, beta_initializer, gamma_initializer)

    def hybrid_forward(self, F: Any, data: Any, gamma: Any, beta: Any) -> Any:
        """The layer's result."""
        function = flavour.of(F, data, "LayerNorm", "layer_norm")
        return function(data, gamma, beta, axis=self._axis, eps=self._epsilon)


class GroupNorm(_Normalization):
    """Group normalization: the channels (the second axis) are normalized in groups, example by example.

    num_groups: the number of groups.
    epsilon: a number added to the variance.
    center, scale: whether the shift `beta` and the scale `gamma` are trained.
    beta_initializer, gamma_initializer: their initializers.
    in_channels: the number of channels, for MXNet 2; 0: found in the first pass.

    In MXNet 1 gamma and beta have a number for each group; in MXNet 2, and in np mode, one for each channel.

    Wu and He, Group Normalization, ECCV 2018.

    >>> from tracer import nd
    >>> layer = GroupNorm(2)
    >>> layer.initialize()
    >>> layer(nd.array([[1, 3, 5, 9]])).asnumpy().round(2).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(self, num_groups: int = 1, epsilon: float = 1e-5, center: bool = True, scale: bool = True,
                 beta_initializer: Any = "zeros", gamma_initializer: Any = "ones", prefix: str | None = None,
                 params: Any = None, in_channels: int = 0) -> None:
        super().__init__(prefix=prefix, params=params)
        self._kwargs = {"eps": epsilon, "num_groups": num_groups, "center": center, "scale": scale}
        self._num_groups = num_groups
        self._epsilon = epsilon
        self._center = center
        self._scale = scale
        self._by_channel = is_2() or is_np_array()
        length = in_channels if self._by_channel else num_groups
        self._make_scale_and_shift(length, center, scale, beta_initializer, gamma_initializer)

    def hybrid_forward(self, F: Any, data: Any, gamma: Any, beta: Any) -> Any:
        """The layer's result."""
        function = flavour.of(F, data, "GroupNorm", "group_norm")
        return function(data, gamma, beta, num_groups=self._num_groups, eps=self._epsilon)

    def __repr__(self) -> str:
        return super().__repr__() if self._by_channel else f"{type(self).__name__}({', '.join(self._content())})"


class InstanceNorm(_Normalization):
    """Instance normalization: each channel of each example is normalized over all other axes.

    axis: the axis of channels.
    epsilon: a number added to the variance.
    center, scale: whether the shift `beta` and the scale `gamma` are trained.
    beta_initializer, gamma_initializer: their initializers.
    in_channels: the number of channels; 0: found in the first pass.

    Ulyanov et al., Instance Normalization: The Missing Ingredient for Fast Stylization, 2016.

    >>> from tracer import nd
    >>> layer = InstanceNorm()
    >>> layer.initialize()
    >>> layer(nd.array([[[1, 3]]])).asnumpy().round(2).tolist()
    [[[-1.0, 1.0]]]
    """

    def __init__(self, axis: int = 1, epsilon: float = 1e-5, center: bool = True, scale: bool = False,
                 beta_initializer: Any = "zeros", gamma_initializer: Any = "ones", in_channels: int = 0,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._kwargs = {"eps": epsilon, "axis": axis, "center": center, "scale": scale}
        self._axis = axis
        self._epsilon = epsilon
        self._make_scale_and_shift(in_channels, center, scale, beta_initializer, gamma_initializer)

    def hybrid_forward(self, F: Any, x: Any, gamma: Any, beta: Any) -> Any:
        """The layer's result."""
        function = flavour.of(F, x, "InstanceNorm", "instance_norm")
        if self._axis == 1:
            return function(x, gamma, beta, name="fwd", eps=self._epsilon)
        x = x.swapaxes(1, self._axis)
        return function(x, gamma, beta, name="fwd", eps=self._epsilon).swapaxes(1, self._axis)
