"""`mx.runtime`: MXNet's build-time features, and whether each is enabled."""
from __future__ import annotations

__all__ = ["Feature", "Features", "feature_list"]

_ABSENT = ("CUDA", "CUDNN", "NCCL", "TENSORRT", "CUTENSOR", "CPU_SSE", "CPU_AVX", "OPENMP", "SSE", "F16C", "JEMALLOC",
           "BLAS_MKL", "BLAS_ATLAS", "BLAS_APPLE", "LAPACK", "MKLDNN", "ONEDNN", "OPENCV", "CAFFE", "PROFILER",
           "DIST_KVSTORE", "CXX14", "INT64_TENSOR_SIZE", "SIGNAL_HANDLER", "DEBUG", "TVM_OP")
_PRESENT = ("BLAS_OPEN",)


class Feature:
    """A feature: its name, and whether it is enabled."""

    def __init__(self, name: str, enabled: bool) -> None:
        self.name = name
        self.enabled = enabled

    def __repr__(self) -> str:
        return f"{'✔' if self.enabled else '✖'} {self.name}"


class Features(dict[str, Feature]):
    """A dictionary of the features by name.

    >>> Features().is_enabled("CUDA")
    False
    """

    def __init__(self) -> None:
        super().__init__({n: Feature(n, n in _PRESENT) for n in (*_PRESENT, *_ABSENT)})

    def is_enabled(self, feature_name: str) -> bool:
        """Whether the feature is enabled. RuntimeError for a name that MXNet does not know."""
        found = self.get(feature_name.upper())
        if found is None:
            raise RuntimeError(f"Feature '{feature_name}' is unknown, known features are: {list(self)}")
        return found.enabled


def feature_list() -> list[Feature]:
    """A list of all features."""
    return list(Features().values())
