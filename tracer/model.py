"""`mx.model`: checkpoints, stores of gradients, and `FeedForward`."""
from __future__ import annotations

from .checkpoints import BatchEndParam, _multiple_callbacks, load_checkpoint, load_params, save_checkpoint
from .feed_forward import FeedForward
from .gradient_stores import _create_kvstore, _initialize_kvstore, _update_params, _update_params_on_kvstore
from .multi_device_training import _train_multi_device

__all__ = ["BatchEndParam", "FeedForward", "_create_kvstore", "_initialize_kvstore", "_multiple_callbacks",
           "_train_multi_device", "_update_params", "_update_params_on_kvstore", "load_checkpoint", "load_params",
           "save_checkpoint"]
