"""`mx.runtime`: which of MXNet's build-time features there are."""
from __future__ import annotations

__all__ = ["Feature", "Features", "feature_list"]

_ABSENT = ("CUDA", "CUDNN", "NCCL", "TENSORRT", "CUTENSOR", "CPU_SSE", "CPU_AVX", "OPENMP", "SSE", "F16C", "JEMALLOC",
           "BLAS_MKL", "BLAS_ATLAS", "BLAS_APPLE", "LAPACK", "MKLDNN", "ONEDNN", "OPENCV", "CAFFE", "PROFILER",
           "DIST_KVSTORE", "CXX14", "INT64_TENSOR_SIZE", "SIGNAL_HANDLER", "DEBUG", "TVM_OP")
_PRESENT = ("BLAS_OPEN",)


class Feature:
    """A feature by name, and whether it is there."""

    def __init__(self, name: str, enabled: bool) -> None:
        self.name = name
        self.enabled = enabled

    def __repr__(self) -> str:
        return f"{'✔' if self.enabled else '✖'} {self.name}"


class Features(dict[str, Feature]):
    """The features by name.

    >>> Features().is_enabled("CUDA")
    False
    """

    def __init__(self) -> None:
        super().__init__({n: Feature(n, n in _PRESENT) for n in (*_PRESENT, *_ABSENT)})

    def is_enabled(self, feature_name: str) -> bool:
        """Whether the feature is there; RuntimeError for a name that MXNet does not know."""
        found = self.get(feature_name.upper())
        if found is None:
            raise RuntimeError(f"Feature '{feature_name}' is unknown, known features are: {list(self)}")
        return found.enabled


def feature_list() -> list[Feature]:
    """All features."""
    return list(Features().values())
