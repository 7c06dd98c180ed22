"""`mx.npx`: the functions of deep learning that `mx.np` lacks, such as layers and activations."""
import sys
import types

from tracer.array.np_array import ndarray
from tracer.context import Context, cpu, cpu_pinned, current_context, gpu, num_gpus
from tracer.core.surface import fill
from tracer.stateful import control_flow
from tracer.stateful.control_flow import cond, foreach, while_loop
from tracer.stateful.pictures import random_functions

fill(sys.modules[__name__], "npx", ndarray)
sys.modules[f"{__name__}.control_flow"] = control_flow
image = types.ModuleType(f"{__name__}.image", "`mx.npx.image`.")
sys.modules[image.__name__] = image
fill(image, "npx.image", ndarray)
vars(image).update(random_functions(ndarray))

from . import random, utils  # noqa: E402
from .files import *  # noqa: E402, F403
from .functions import *  # noqa: E402, F403
from .mode import *  # noqa: E402, F403

Device = Context
current_device = current_context
seed = random.seed

__all__ = ["Context", "Device", "cond", "control_flow", "cpu", "cpu_pinned", "current_context", "current_device",
           "foreach", "gpu", "image", "num_gpus", "random", "seed", "utils", "while_loop"]
