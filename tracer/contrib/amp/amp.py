"""`mx.contrib.amp.amp`: automatic mixed precision, which tracer does not have: calling a function raises by its name.

The functions are there because scripts import them at their beginning, and call them only where they are asked to.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

#: The names of the functions.
NAMES = ["convert_bucketing_module", "convert_hybrid_block", "convert_model", "convert_symbol", "init",
         "init_trainer", "list_conditional_fp32_ops", "list_fp32_ops", "list_loss_output_functions",
         "list_lp16_fp32_ops", "list_lp16_ops", "list_lp16_use_fp32_params", "list_widest_type_cast", "scale_loss",
         "unscale"]



def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"mx.contrib.amp.{name}: tracer has no automatic mixed precision; cast blocks with "
                                  "`cast('float16')`, and optimizers take multi_precision=True")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Not supported: `mx.contrib.amp.{name}` raises NotImplementedError."
    return refuse


globals().update({name: _refusing(name) for name in NAMES})
