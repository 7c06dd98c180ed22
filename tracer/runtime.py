"""`mx.runtime`: MXNet's build-time features, and whether each is enabled."""
from __future__ import annotations

__all__ = ["Feature", "Features", "feature_list"]

#: MXNet's features, in its order, and those that tracer has.
_NAMES = (
    "CUDA CUDNN NCCL CUDA_RTC TENSORRT CUTENSOR CPU_SSE CPU_SSE2 CPU_SSE3 CPU_SSE4_1 CPU_SSE4_2 CPU_SSE4A CPU_AVX "
    "CPU_AVX2 OPENMP SSE F16C JEMALLOC BLAS_OPEN BLAS_ATLAS BLAS_MKL BLAS_APPLE LAPACK MKLDNN ONEDNN OPENCV CAFFE "
    "PROFILER DIST_KVSTORE CXX14 INT64_TENSOR_SIZE SIGNAL_HANDLER DEBUG TVM_OP").split()
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
        super().__init__({name: Feature(name, name in _PRESENT) for name in _NAMES})

    def __repr__(self) -> str:
        return str(list(self.values()))

    def is_enabled(self, feature_name: str) -> bool:
        """Whether the feature is enabled. RuntimeError for a name that MXNet does not know."""
        feature_name = feature_name.upper()
        found = self.get(feature_name)
        if found is None:
            raise RuntimeError(f"Feature '{feature_name}' is unknown, known features are: {list(self)}")
        return found.enabled


def feature_list() -> list[Feature]:
    """A list of all features."""
    return list(Features().values())
