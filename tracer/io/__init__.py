"""`mx.io`: iterators over batches of data, for `mx.mod` and others."""
from . import io, utils
from .absent import *  # noqa: F403
from .absent import ABSENT
from .batches import DataBatch, DataDesc
from .csv_iter import CSVIter
from .image_det_records import ImageDetRecordIter
from .image_records import (
    ImageRecordInt8Iter,
    ImageRecordIter,
    ImageRecordIter_v1,
    ImageRecordUInt8Iter,
    ImageRecordUInt8Iter_v1,
)
from .iterators import DataIter, ResizeIter
from .mnist_iter import MNISTIter
from .nd_array_iter import NDArrayIter
from .prefetching import PrefetchingIter
from .utils import _getdata_by_idx, _has_instance, _init_data

__all__ = ["CSVIter", "DataBatch", "DataDesc", "DataIter", "ImageDetRecordIter", "ImageRecordInt8Iter",
           "ImageRecordIter", "ImageRecordIter_v1", "ImageRecordUInt8Iter", "ImageRecordUInt8Iter_v1",
           "MNISTIter", "MXDataIter", "NDArrayIter", "PrefetchingIter", "ResizeIter", "io", "utils",  # noqa: F405
           *ABSENT, "_getdata_by_idx", "_has_instance", "_init_data"]
