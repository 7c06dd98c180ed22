"""`mx.contrib.amp.amp`: automatic mixed precision, which tracer does not have: calling a function raises by its name.

The functions are there because scripts import them at their beginning, and call them only where they are asked to.
"""
from __future__ import annotations

from ...base import refusing

#: The names of the functions.
NAMES = ["convert_bucketing_module", "convert_hybrid_block", "convert_model", "convert_symbol", "init",
         "init_trainer", "list_conditional_fp32_ops", "list_fp32_ops", "list_loss_output_functions",
         "list_lp16_fp32_ops", "list_lp16_ops", "list_lp16_use_fp32_params", "list_widest_type_cast", "scale_loss",
         "unscale"]

_WHY = ": tracer has no automatic mixed precision; cast blocks with `cast('float16')`, and optimizers take " \
       "multi_precision=True"

#: Whether `init` has been called, which libraries ask: never.
_amp_initialized = False
_amp_loss_scale_initialized = False

globals().update({name: refusing(f"mx.contrib.amp.{name}", _WHY) for name in NAMES})
