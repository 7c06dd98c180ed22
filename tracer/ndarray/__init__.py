"""`mx.nd`: the imperative functions of MXNet 1.x."""
import builtins
import sys
import types

from tracer.array.dlpack import to_dlpack_for_read, to_dlpack_for_write
from tracer.array.nd_array import NDArray
from tracer.core.surface import fill
from tracer.stateful import control_flow
from tracer.stateful.pictures import random_functions

from . import functions, many_updates, methods, random, sparse
from .creation import (
    arange,
    array,
    concatenate,
    empty,
    eye,
    from_dlpack,
    from_numpy,
    full,
    linspace,
    ones,
    waitall,
    zeros,
)
from .custom import Custom
from .files import load, load_frombuffer, save
from .functions import *  # noqa: F403
from .sparse import BaseSparseNDArray, CSRNDArray, RowSparseNDArray

__all__ = ["BaseSparseNDArray", "CSRNDArray", "Custom", "NDArray", "RowSparseNDArray", "arange", "array", "concatenate",
           "contrib", "empty", "eye", "from_dlpack", "from_numpy", "full", "functions", "image", "linalg", "linspace",
           "load", "load_frombuffer", "many_updates", "methods", "ones", "op", "random", "save", "sparse",
           "to_dlpack_for_read", "to_dlpack_for_write", "utils", "waitall", "zeros", *functions.__all__]

_declared = fill(sys.modules[__name__], "nd", NDArray)


def _namespace(name: str) -> types.ModuleType:
    """A new module `tracer.ndarray.name`."""
    module = types.ModuleType(f"{__name__}.{name}", f"`mx.nd.{name}`.")
    sys.modules[module.__name__] = module
    return module


op, linalg, contrib = _namespace("op"), _namespace("linalg"), _namespace("contrib")
image, utils, _internal = _namespace("image"), _namespace("utils"), _namespace("_internal")
vars(op).update(_declared)
fill(linalg, "nd.linalg", NDArray)
fill(contrib, "nd.contrib", NDArray)
fill(image, "nd.image", NDArray)
vars(image).update(random_functions(NDArray))
fill(_internal, "nd._internal", NDArray)
for _f in (functions.BatchNormWithReLU, functions.SyncBatchNorm, functions.boolean_mask, control_flow.foreach,
           control_flow.while_loop, control_flow.cond, random.rand_zipfian):
    setattr(contrib, _f.__name__, _f)
vars(contrib).update({_name: getattr(many_updates, _name) for _name in many_updates.__all__})
for _f in (array, empty, load, load_frombuffer, save, zeros):
    setattr(utils, _f.__name__, _f)
globals().update(random.OPERATORS)
vars(op).update({_name: globals()[_name] for _name in functions.__all__}, Custom=Custom, **random.OPERATORS)
uniform, normal, shuffle = random.OPERATORS["random_uniform"], random.OPERATORS["random_normal"], random.shuffle


for _name, _f in [*_declared.items(), ("cast_storage", functions.cast_storage)]:
    vars(sparse).setdefault(_name, _f)
vars(contrib).update(getnnz=sparse.getnnz, group_adagrad_update=sparse.group_adagrad_update)
vars(_internal).update(_square_sum=sparse.square_sum, _sparse_retain=sparse.retain)

#: MXNet's numbers of storage types, of which tracer has "default".
_STORAGE_TYPE_STR_TO_ID = {"undefined": -1, "default": 0, "row_sparse": 1, "csr": 2}
_STORAGE_TYPE_ID_TO_STR = {number: name for name, number in _STORAGE_TYPE_STR_TO_ID.items()}

#: Python's own slice, which `mx.nd.slice` hides; MXNet has it under this name.
py_slice = builtins.slice
#: MXNet's module `mxnet.ndarray.ndarray`, which is this one.
ndarray = sys.modules[__name__]
sys.modules[f"{__name__}.ndarray"] = ndarray
