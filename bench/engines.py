"""Engines: tracer and its peers, each in its best mode, behind one interface.

An engine names the workload's function that it calls (`entry`), waits until results are computed (`sync`) and
converts them to NumPy arrays (`array`). Nothing is imported before `load`. Runs on Python 3.8.
"""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    Step = Callable[[], Sequence[Any]]


class Engine:
    """The base class of engines; its methods are those of NumPy."""

    name = ""
    #: The name of the workload's function for this engine.
    entry = ""
    #: Whether it keeps compiled code on disk for the next process.
    cached = False
    #: The module whose import tells whether the engine is installed.
    module = ""
    #: Its name in another checkout, if it runs there.
    elsewhere = ""

    def load(self, threads: int) -> str:
        """Import the engine and set its number of threads; returns its version. ImportError if it is not installed."""
        return np.__version__

    def offers(self, workload: ModuleType) -> bool:
        """Whether the workload has a function for this engine."""
        return hasattr(workload, self.entry)

    def build(self, workload: ModuleType, data: SimpleNamespace) -> Step:
        """The workload's step: a function without parameters that returns the results."""
        return getattr(workload, self.entry)(data)

    def sync(self, results: Sequence[Any]) -> None:
        """Wait until all results have been computed."""

    def settle(self) -> None:
        """Bring the process at once into the state that it reaches after long use."""

    def array(self, result: Any) -> np.ndarray:
        """A result as a NumPy array."""
        return np.asarray(result)

    def counters(self) -> dict[str, float]:
        """The numbers of compilations so far, if the engine counts them."""
        return {}


class NumPy(Engine):
    """Plain NumPy, with gradients derived by hand."""

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
    """MXNet with hybridized forwards, and updates by MXNet's fused operators."""

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
    """The first of these modules that exists; an earlier commit has it under another name."""
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
        import mxnet
        self._use(mxnet)
        from importlib.metadata import version
        return version("mxtracer")

    def settle(self) -> None:
        """Load the compiled recorder. As in long use another process compiles it: here, Numba's memory would count."""
        recorder = _first_of("tracer.native_recording", "tracer.hot")
        program = f"from {recorder.__name__} import compile_all; compile_all()"
        subprocess.run([sys.executable, "-c", program], check=True)
        recorder.compile_all()

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
        """Do nothing: recording stays in Python."""


class EarlierTracer(Tracer):
    """tracer of an earlier commit, in a checkout of its own (`--before`)."""

    name, elsewhere = "tracer-before", "tracer"


class EarlierTracerAgain(EarlierTracer):
    """The earlier commit a second time: two runs of one commit differ by the noise of the machine."""

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
        """Tensors that copy the arrays and require gradients."""
        return [self.images(a).requires_grad_() for a in arrays]

    def images(self, array: np.ndarray) -> Any:
        """A tensor that copies the array, with images and kernels in this engine's layout."""
        return self._torch.tensor(array)

    def compile(self, function: Callable) -> Callable:
        """The function in this engine's best form: unchanged, for eager mode."""
        return function

    def gradient(self, loss: Callable) -> Callable:
        """A function of the same arguments as `loss(params, *rest)` that returns the loss and its gradients."""
        grad = self._torch.autograd.grad

        def gradients(params: Sequence[Any], *rest: Any) -> tuple[Any, Sequence[Any]]:
            value = loss(params, *rest)
            return value, grad(value, params)

        return gradients

    def array(self, result: Any) -> np.ndarray:
        return result.detach().numpy() if hasattr(result, "detach") else np.asarray(result)


class ChannelsLastTorch(Torch):
    """PyTorch, eager, with images and kernels in the layout (batch, height, width, channels)."""

    name = "torch-channels-last"

    def offers(self, workload: ModuleType) -> bool:
        return getattr(workload, "CHANNELS_LAST", False)

    def images(self, array: np.ndarray) -> Any:
        tensor = self._torch.tensor(array)
        return tensor.contiguous(memory_format=self._torch.channels_last) if tensor.ndim == 4 else tensor


class CompiledTorch(Torch):
    """PyTorch with torch.compile (Inductor)."""

    name, cached = "torch-compile", True

    def offers(self, workload: ModuleType) -> bool:
        return getattr(workload, "COMPILED", True) and super().offers(workload)

    def build(self, workload: ModuleType, data: SimpleNamespace) -> Step:
        build = getattr(workload, "in_torch_compile", workload.in_torch)
        return build(data, self)

    def parameters(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """Plain tensors: `gradient` differentiates functions."""
        return [self._torch.tensor(a) for a in arrays]

    def compile(self, function: Callable) -> Callable:
        return self._torch.compile(function)

    def gradient(self, loss: Callable) -> Callable:
        """The loss and its gradients as one graph, which measured faster than backward() of a compiled loss."""
        both = self._torch.compile(self._torch.func.grad_and_value(loss))

        def gradients(params: Sequence[Any], *rest: Any) -> tuple[Any, Sequence[Any]]:
            grads, value = both(params, *rest)
            return value, grads

        return gradients

    def counters(self) -> dict[str, float]:
        from torch._dynamo.utils import counters
        return {"graphs": counters["stats"]["unique_graphs"]}


class Jax(Engine):
    """JAX, with as much as possible inside `jit`."""

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
        ChannelsLastTorch(), CompiledTorch(), Jax(), PyTensor(), MXNet(), HybridMXNet())
}
