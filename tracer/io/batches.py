"""`DataDesc` and `DataBatch`: the description of a batch's arrays, and a batch."""
from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from ..base import mx_real_t

__all__ = ["DataBatch", "DataDesc"]


class DataDesc(namedtuple("DataDesc", ["name", "shape"])):
    """The name and shape of an input, a pair, with its dtype and layout as attributes.

    name: the name of the variable that receives the input.
    shape: its shape.
    dtype: its dtype.
    layout: a letter for each axis; N is the axis of the examples.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/mxnet/io/index.html

    >>> DataDesc("data", (2, 3))
    DataDesc[data,(2, 3),<class 'numpy.float32'>,NCHW]
    """

    dtype: Any
    layout: Any

    def __new__(cls, name: str, shape: tuple[int, ...], dtype: Any = mx_real_t, layout: Any = "NCHW") -> Any:
        made = super().__new__(cls, name, shape)
        made.dtype = dtype
        made.layout = layout
        return made

    def __repr__(self) -> str:
        return f"DataDesc[{self.name},{self.shape},{self.dtype},{self.layout}]"

    @staticmethod
    def get_batch_axis(layout: str | None) -> int:
        """The axis of the examples in a layout: 0 for None, -1 if there is none."""
        return 0 if layout is None else layout.find("N")

    @staticmethod
    def get_list(shapes: Sequence[tuple], types: Sequence[tuple] | None) -> list[DataDesc]:
        """The descriptions of inputs.

        shapes: pairs of names and shapes.
        types: pairs of names and dtypes, or None for float32.
        """
        if types is None:
            return [DataDesc(pair[0], pair[1]) for pair in shapes]
        dtypes = dict(types)
        return [DataDesc(pair[0], pair[1], dtypes[pair[0]]) for pair in shapes]


class DataBatch:
    """A batch of examples.

    data: a list of arrays.
    label: a list of arrays, or None.
    pad: the number of examples at the end that only fill the batch.
    index: the numbers of the examples.
    bucket_key: the bucket that the batch belongs to, for `mx.mod.BucketingModule`.
    provide_data, provide_label: the descriptions of the arrays.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/mxnet/io/index.html

    >>> from tracer import nd
    >>> print(DataBatch([nd.ones((2, 3))]))
    DataBatch: data shapes: [(2, 3)] label shapes: None
    """

    def __init__(self, data: Any, label: Any = None, pad: int | None = None, index: Any = None,
                 bucket_key: Any = None, provide_data: Any = None, provide_label: Any = None) -> None:
        for arrays, name in ((data, "Data"), (label, "Label")):
            assert arrays is None or isinstance(arrays, (list, tuple)), f"{name} must be list of NDArrays"
        self.data = data
        self.label = label
        self.pad = pad
        self.index = index
        self.bucket_key = bucket_key
        self.provide_data = provide_data
        self.provide_label = provide_label

    def __str__(self) -> str:
        data = [one.shape for one in self.data]
        label = [one.shape for one in self.label] if self.label else None
        return f"{type(self).__name__}: data shapes: {data} label shapes: {label}"
