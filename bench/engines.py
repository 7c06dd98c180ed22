"""Who runs a workload: tracer and its peers, each in its best mode, behind the same five methods.

An engine names the workload's function that it calls (`entry`), waits until results are there (`sync`) and
turns them into NumPy arrays (`array`). Nothing is imported before `load`. Runs on Python 3.8.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    Step = Callable[[], Sequence[Any]]


class Engine:
    """What every engine does unless it says otherwise: NumPy's ways."""

    name = ""
    #: the workload's function
    entry = ""
    #: keeps compiled code on disk for the next process
    cached = False
    #: imported to learn whether the engine is installed
    module = ""
    #: runs in another checkout, under this name there
    elsewhere = ""

    def load(self, threads: int) -> str:
        """Import and configure for `threads` threads; the version. ImportError where it is not installed."""
        return np.__version__

    def offers(self, workload: ModuleType) -> bool:
        """Whether the workload has something for this engine."""
        return hasattr(workload, self.entry)

    def build(self, workload: ModuleType, data: SimpleNamespace) -> Step:
        """The workload's step, a function of nothing that returns its results; not yet run."""
        return getattr(workload, self.entry)(data)

    def sync(self, results: Sequence[Any]) -> None:
        """Return when everything that was asked for has been computed."""

    def settle(self) -> None:
        """Do at once what a process does that has run for long."""

    def array(self, result: Any) -> np.ndarray:
        """A result as a NumPy array."""
        return np.asarray(result)

    def counters(self) -> dict[str, float]:
        """Compilations so far, where the engine counts them."""
        return {}


class NumPy(Engine):
    """Plain NumPy, gradients by hand."""

    name, entry, module = "numpy", "in_numpy", "numpy"


class MXNet(Engine):
    """Real MXNet, imperative."""

    name, entry, module = "mxnet", "in_mxnet", "mxnet"

    def load(self, threads: int) -> str:
        import mxnet
        self._use(mxnet)
        return mxnet.__version__

    def _use(self, mx: Any) -> None:
        self._mx = mx
        mx.npx.set_np()

    def build(self, workload: ModuleType, data: SimpleNamespace) -> Step:
        return workload.in_mxnet(data, self._block)

    def _block(self, forward: Callable) -> Callable:
        """`forward(np, npx, *arrays)` as a function of arrays."""
        np, npx = self._mx.np, self._mx.npx
        return lambda *arrays: forward(np, npx, *arrays)

    def sync(self, results: Sequence[Any]) -> None:
        self._mx.nd.waitall()

    def array(self, result: Any) -> np.ndarray:
        return result.asnumpy() if hasattr(result, "asnumpy") else np.asarray(result)


class Hybrid(MXNet):
    """Its forward hybridized and its updates by the fused operators that MXNet has."""

    def offers(self, workload: ModuleType) -> bool:
        return hasattr(workload, "in_mxnet_hybrid") or getattr(workload, "HYBRID", True)

    def build(self, workload: ModuleType, data: SimpleNamespace) -> Step:
        if hasattr(workload, "in_mxnet_hybrid"):
            return workload.in_mxnet_hybrid(data)
        return workload.in_mxnet(data, self._block)

    def _block(self, forward: Callable) -> Callable:
        base: Any = self._mx.gluon.HybridBlock

        class Block(base):
            """The forward function, as a block without parameters of its own."""

            def hybrid_forward(self, F: Any, *arrays: Any) -> Any:
                return forward(F.np, F.npx, *arrays)

        block = Block()
        block.hybridize(static_alloc=True, static_shape=True)
        return block


class HybridMXNet(Hybrid):
    """Real MXNet, hybridized."""

    name = "mxnet-hybrid"


def _first_of(*names: str) -> Any:
    """The first of these modules that there is: an earlier commit has it elsewhere."""
    for name in names[:-1]:
        with suppress(ModuleNotFoundError):
            return import_module(name)
    return import_module(names[-1])


class Tracer(MXNet):
    """tracer, imperative, under MXNet's name: the workload's code is the same as real MXNet's."""

    name, module, cached = "tracer", "tracer", True

    def load(self, threads: int) -> str:
        import tracer
        _first_of("tracer.jit.runtime.driver", "tracer.jit.driver").set_threads(threads)
        tracer.install_as_mxnet()
        self._use(tracer)
        from importlib.metadata import version
        return version("mxtracer")

    def settle(self) -> None:
        _first_of("tracer.native_recording", "tracer.hot").compile_all()

    def counters(self) -> dict[str, float]:
        return self._mx.counters().as_dict()


class HybridTracer(Tracer, Hybrid):
    """tracer, hybridized: the same code as real MXNet's best."""

    name = "tracer-hybrid"


class PythonTracer(Tracer):
    """tracer without its compiled recorder (TRACER_RECORDER=python)."""

    name = "tracer-python"

    def load(self, threads: int) -> str:
        os.environ["TRACER_RECORDER"] = "python"
        return super().load(threads)

    def settle(self) -> None:
        """Python goes on recording."""


class EarlierTracer(Tracer):
    """tracer of an earlier commit, in a checkout of its own (`--before`)."""

    name, elsewhere = "tracer-before", "tracer"


class EarlierTracerAgain(EarlierTracer):
    """The same once more: two runs of one commit differ by the noise of the machine."""

    name = "tracer-before-again"


class Torch(Engine):
    """PyTorch, eager."""

    name, entry, module = "torch", "in_torch", "torch"

    def load(self, threads: int) -> str:
        import torch
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        self._torch = torch
        return torch.__version__

    def build(self, workload: ModuleType, data: SimpleNamespace) -> Step:
        return workload.in_torch(data, self)

    def parameters(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """Tensors of their own memory, marked for gradients."""
        return [self._torch.tensor(a, requires_grad=True) for a in arrays]

    def compile(self, function: Callable) -> Callable:
        """The function as this engine runs it best: eager, as it is."""
        return function

    def gradient(self, loss: Callable) -> Callable:
        """`loss(params, *rest)` as a function of the same that returns the loss and its gradients."""
        grad = self._torch.autograd.grad

        def gradients(params: Sequence[Any], *rest: Any) -> tuple[Any, Sequence[Any]]:
            value = loss(params, *rest)
            return value, grad(value, params)

        return gradients

    def array(self, result: Any) -> np.ndarray:
        return result.detach().numpy() if hasattr(result, "detach") else np.asarray(result)


class CompiledTorch(Torch):
    """PyTorch with torch.compile (Inductor)."""

    name, cached = "torch-compile", True

    def build(self, workload: ModuleType, data: SimpleNamespace) -> Step:
        build = getattr(workload, "in_torch_compile", workload.in_torch)
        return build(data, self)

    def parameters(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """Plain tensors: `gradient` differentiates functions."""
        return [self._torch.tensor(a) for a in arrays]

    def compile(self, function: Callable) -> Callable:
        return self._torch.compile(function)

    def gradient(self, loss: Callable) -> Callable:
        """Forward and backward as one graph, which measured faster than a compiled loss's backward()."""
        both = self._torch.compile(self._torch.func.grad_and_value(loss))

        def gradients(params: Sequence[Any], *rest: Any) -> tuple[Any, Sequence[Any]]:
            grads, value = both(params, *rest)
            return value, grads

        return gradients

    def counters(self) -> dict[str, float]:
        from torch._dynamo.utils import counters
        return {"graphs": counters["stats"]["unique_graphs"]}


class Jax(Engine):
    """JAX, everything inside `jit` that can be."""

    name, entry, module, cached = "jax", "in_jax", "jax", True

    def load(self, threads: int) -> str:
        import jax
        import jax.numpy
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
        self._jax = jax
        return jax.__version__

    def sync(self, results: Sequence[Any]) -> None:
        self._jax.block_until_ready(results)


class PyTensor(Engine):
    """PyTensor's Numba mode."""

    name, entry, module, cached = "pytensor", "in_pytensor", "pytensor", True

    def load(self, threads: int) -> str:
        import pytensor
        pytensor.config.floatX = "float32"
        pytensor.config.mode = "NUMBA"
        return pytensor.__version__


ENGINES: dict[str, Engine] = {
    engine.name: engine for engine in (
        Tracer(), HybridTracer(), PythonTracer(), EarlierTracer(), EarlierTracerAgain(), NumPy(), Torch(),
        CompiledTorch(), Jax(), PyTensor(), MXNet(), HybridMXNet())
}
