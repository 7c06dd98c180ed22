"""The generation of MXNet's API that applies where 1.x and 2.0 contradict each other: 1.9.1, or 2.0.

`TRACER_MXNET=2.0` in the environment, or `tracer.install_as_mxnet(version="2.0")` before the first `import mxnet`,
choose 2.0. `is_2()` is asked when an object is made, never while tracer is imported: the first answer is final.
"""
from __future__ import annotations

import os

#: The value of `__version__` for each generation, and the spellings by which a generation is chosen.
VERSIONS = {"1": "1.9.1", "2": "2.0.0"}
_SPELLINGS = {"": "1", "1": "1", "1.9": "1", "1.9.1": "1", "2": "2", "2.0": "2", "2.0.0": "2"}


def _parse(value: str, source: str) -> str:
    """The generation of a spelling; ValueError for another."""
    if value not in _SPELLINGS:
        raise ValueError(f"{source}{value!r}: must be 1.9.1 or 2.0")
    return _SPELLINGS[value]


_chosen = _parse(os.environ.get("TRACER_MXNET", ""), "TRACER_MXNET=")
_asked = False


def choose(version: str) -> None:
    """Choose the generation of this process.

    version: "1.9.1" or "2.0" (ValueError for another).

    RuntimeError when the other generation is in use already.
    """
    global _chosen
    wanted = _parse(str(version), "version=")
    if _asked and wanted != _chosen:
        raise RuntimeError(f"MXNet {VERSIONS[_chosen]} cannot be changed to {VERSIONS[wanted]}: it is in use, as mxnet "
                           "has been imported, its version read, or a block made. Choose before that, or set "
                           "TRACER_MXNET in the environment")
    _chosen = wanted


def is_2_so_far() -> bool:
    """Whether 2.0 is chosen at present; unlike `is_2`, it leaves the choice open."""
    return _chosen == "2"


def is_2() -> bool:
    """Whether 2.0's behaviour applies. From then on the generation cannot be changed.

    >>> is_2()
    False
    """
    return version() == VERSIONS["2"]


def version() -> str:
    """The version that `mxnet.__version__` names: "1.9.1" or "2.0.0". From then on it cannot be changed."""
    global _asked
    _asked = True
    return VERSIONS[_chosen]
