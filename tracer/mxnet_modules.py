"""The names of MXNet's modules: those that `import mxnet` leaves in `sys.modules`, and the second names of some.

A module that tracer lacks is refused by its name: reading it raises AttributeError, importing it ModuleNotFoundError.
(One error cannot be both: Python's own classes have different memory layouts.)
"""
from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from types import ModuleType

#: The modules below `mxnet` of 1.9.1 and 2.0.0b1, without those of its C interface; `a[b c]` is a, a.b and a.c.
_TREE = """
_api_internal _ctypes[ndarray symbol] _deferred_compute _ffi[base function node_generic object] _global_var
_numpy_op_doc amp api attribute autograd base callback container context
contrib[amp autograd io ndarray onnx quantization svrg_optimization symbol tensorboard tensorrt
text[_constants embedding utils vocab]]
device dlpack engine error executor executor_manager
gluon[block
contrib[cnn[conv_layers] data[_constants sampler text vision[dataloader transforms[bbox]]]
estimator[batch_processor estimator event_handler utils] nn[basic_layers] rnn[conv_rnn_cell rnn_cell]]
data[_internal batchify dataloader dataset sampler vision[datasets transforms[image]]] loss metric
model_zoo[model_store vision[alexnet densenet inception mobilenet resnet squeezenet vgg]]
nn[activations basic_layers conv_layers] parameter
probability[block[stochastic_block] distributions transformation[domain_map transformation]]
rnn[conv_rnn_cell rnn_cell rnn_layer] trainer utils]
image[detection image] initializer io[io utils] kvstore[base byteps horovod kvstore kvstore_server] libinfo library
log lr_scheduler metric misc model
module[base_module bucketing_module executor_group module python_module sequential_module] monitor name
ndarray[_internal contrib gen__internal gen_contrib gen_image gen_linalg gen_op gen_sparse image linalg ndarray
numpy[_api_internal _internal _op _register linalg random]
numpy_extension[_api_internal _op _register control_flow image random] op random register sparse utils]
ndarray_doc notebook[callback]
numpy[_op _register arrayprint fallback fallback_linalg function_base io linalg multiarray random set_functions
stride_tricks type_functions utils]
numpy_dispatch_protocol numpy_extension[_op _register control_flow image random utils] numpy_op_fallback
numpy_op_signature onnx[mx2onnx] operator
optimizer[adabelief adadelta adagrad adam adamW adamax contrib dcasgd ftml ftrl lamb lans lars nadam nag optimizer
rmsprop sgd sgld signum updater utils]
profiler random recordio registry rnn[io rnn rnn_cell] rtc runtime
symbol[_internal contrib gen__internal gen_contrib gen_image gen_linalg gen_op gen_sparse image linalg
numpy[_internal _op _register _symbol linalg random] numpy_extension[_op _register image random] op random register
sparse symbol]
symbol_doc test_utils torch tvmop util visualization
"""

#: The second names that MXNet's modules have as attributes.
SECOND_NAMES = {"img": "image", "init": "initializer", "kv": "kvstore", "mod": "module", "mon": "monitor",
                "nd": "ndarray", "np": "numpy", "npx": "numpy_extension", "rnd": "random", "sym": "symbol",
                "th": "torch", "vis": "visualization", "viz": "visualization"}


def _names(tree: str) -> list[str]:
    """The dotted names in a tree, each after its parent's."""
    found: list[str] = []
    parents: list[str] = []
    for word in re.findall(r"\w+|[][]", tree):
        if word == "[":
            parents.append(found[-1] + ".")
        elif word == "]":
            parents.pop()
        else:
            found.append((parents[-1] if parents else "") + word)
    return found


#: MXNet's modules, without the leading `mxnet.`, each after its parent.
MODULES = _names(_TREE)
#: The same, and the second names.
KNOWN = frozenset((*MODULES, *SECOND_NAMES))


def absence(name: str) -> str:
    """The text of the error for a part of MXNet that tracer lacks, by its name without the leading `mxnet.`."""
    return f"mxnet.{name} is not part of this version of tracer yet"


def has_file(package: ModuleType, name: str) -> bool:
    """Whether a package's folder has the module `name`. `importlib.util.find_spec` would raise for an absent one."""
    path = getattr(package, "__path__", None)
    return path is not None and PathFinder.find_spec(f"{package.__name__}.{name}", path) is not None


class _Refuser(MetaPathFinder):
    """The last finder: it raises ModuleNotFoundError for those modules of MXNet that no other finder has found.

    For other names Python raises its usual error. The error has no `name`: with one, `from mxnet import x` would
    catch it, and raise another with less to read.
    """

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: object = None) -> None:
        package, _, name = fullname.partition(".")
        if package in ("mxnet", "tracer") and path is not None and name in KNOWN:
            raise ModuleNotFoundError(absence(name))


def begin() -> None:
    """Put the finder that refuses absent modules at the end of Python's list."""
    if not any(type(finder).__name__ == _Refuser.__name__ for finder in sys.meta_path):
        sys.meta_path.append(_Refuser())
