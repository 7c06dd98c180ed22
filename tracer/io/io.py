"""`mx.io.io`: the iterators under the name of MXNet's file."""
from __future__ import annotations

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
from .libsvm_iter import LibSVMIter
from .mnist_iter import MNISTIter
from .nd_array_iter import NDArrayIter
from .prefetching import PrefetchingIter
from .present_batch import MXDataIter

__all__ = ["CSVIter", "DataBatch", "DataDesc", "DataIter", "ImageDetRecordIter", "ImageRecordInt8Iter",
           "ImageRecordIter", "ImageRecordIter_v1", "ImageRecordUInt8Iter", "ImageRecordUInt8Iter_v1",
           "LibSVMIter", "MNISTIter", "MXDataIter", "NDArrayIter", "PrefetchingIter", "ResizeIter"]
