"""Training with stochastic variance-reduced gradients: `svrg_module.SVRGModule` and the optimizers that it makes."""
from . import svrg_module, svrg_optimizer

__all__ = ["svrg_module", "svrg_optimizer"]
