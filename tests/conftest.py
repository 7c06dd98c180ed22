"""Settings common to all tests: a kernel cache for the session, fixed seeds, the tier; sweeps run a sample only."""
from __future__ import annotations

import math
import os
import random
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from fuzz.seeds import commit_seed


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sweep", action="store_true", help="run all of the tests marked sweep, not a sample")
    parser.addoption("--sweep-seed", type=int, help="which sample of the sweeps to run (default: the commit's)")
    parser.addoption("--one-in", type=int, help="run one test in so many")


def pytest_configure(config: pytest.Config) -> None:
    # One folder for the session: pytest-xdist's workers and the processes that tests start inherit it. These import
    # this checkout's tracer, too, in whatever folder they are started and whatever is installed.
    if not hasattr(config, "workerinput"):
        tests = Path(__file__).resolve().parent
        found = [str(tests.parent), str(tests / "helpers"), os.environ.get("PYTHONPATH")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, found))
        folder = tempfile.mkdtemp(prefix="tracer-test-cache-")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        os.environ["TRACER_CACHE"] = folder
        # Byte code is kept there, too: without it each process that a test starts parses all of the sources again.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(folder, "bytecode"))
    if config.option.sweep_seed is None:
        config.option.sweep_seed = commit_seed()

    from tracer.jit.plan import pipeline
    from tracer.jit.plan.cache import stored_layouts
    from tracer.jit.plan.plan import CHECKS
    from tracer.jit.verify import kernels, passes, plan

    CHECKS += [plan.check, kernels.check]  # verify every plan that a test makes, and its small kernels
    pipeline.CHECKS.append(passes.check)  # and the state after each pass
    stored_layouts.FEWEST = sys.maxsize  # tests change what layouts depend on
    if os.environ.get("TRACER_JIT") == "auto":
        _hasten(config.option.sweep_seed)


def _hasten(seed: int) -> None:
    """Lower the thresholds of the "auto" tier if it was chosen by name: most tests then change tiers halfway."""
    from tracer import native_recording
    from tracer.jit import program

    program.PATIENCE = seed % 2
    native_recording.ENOUGH = native_recording._enough = 64


def pytest_report_header(config: pytest.Config) -> str:
    tier, poison = os.environ.get("TRACER_JIT", "auto"), os.environ.get("TRACER_POISON", "0")
    return f"TRACER_JIT={tier} TRACER_POISON={poison} --sweep-seed={config.option.sweep_seed}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep `sample` parameter sets of each test function marked `sweep`: the same ones for the same seed.

    Under TRACER_JIT=always keep `native` of them where the mark gives that number: each may compile many kernels.
    In files marked `native_sample(n)`, which test values and not their compilation, run one test in n then; in those
    marked `slow_sample(n)`, whose tests take seconds each, one in n under any tier. Tests that are named all run.
    """
    if config.getoption("--sweep"):
        return
    one_in = config.getoption("--one-in")
    named, seed = any(["::" in arg for arg in config.args]), config.getoption("--sweep-seed")
    left_out = {item for item in items
                if (zlib.crc32(item.nodeid.encode()) + seed) % (one_in or (1 if named else _one_in(item)))}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    sweeps: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("sweep"):
            sweeps.setdefault(item.nodeid.partition("[")[0], []).append(item)
    dropped: set[pytest.Item] = set()
    for name, group in sweeps.items():
        marker = group[0].get_closest_marker("sweep")
        assert marker is not None
        chooser = random.Random(f"{config.getoption('--sweep-seed')} {name}")
        sample = marker.kwargs.get("sample", 8)
        if os.environ.get("TRACER_JIT") == "always":
            sample = marker.kwargs.get("native", sample)
        sample = min(sample, len(group))
        dropped.update(set(group) - set(chooser.sample(group, sample)))
    if dropped:
        config.hook.pytest_deselected(items=[item for item in items if item in dropped])
        items[:] = [item for item in items if item not in dropped]


def _one_in(item: pytest.Item) -> int:
    names = ["slow_sample"] + ["native_sample"] * (os.environ.get("TRACER_JIT") == "always")
    return math.prod([marker.args[0] for marker in map(item.get_closest_marker, names) if marker])


@pytest.fixture(autouse=True)
def _seeded(request: pytest.FixtureRequest) -> None:
    """Give each test its own seeds, whatever ran before it."""
    import tracer

    seed = zlib.crc32(request.node.nodeid.encode())
    random.seed(seed)
    numpy.random.seed(seed)
    tracer.random.seed(seed >> 1)  # MXNet's seeds have 31 bits


#: The states with which modules of tests made their generators, by identity.
_STATES: dict[int, Any] = {}


@pytest.fixture(autouse=True)
def _generators(request: pytest.FixtureRequest) -> None:
    """Put each generator of a test's module into its first state: no test's numbers depend on those run before it."""
    for made in vars(request.module).values():
        if isinstance(made, numpy.random.Generator):
            made.bit_generator.state = _STATES.setdefault(id(made), made.bit_generator.state)
        elif isinstance(made, numpy.random.RandomState):
            made.set_state(_STATES.setdefault(id(made), made.get_state()))


@pytest.fixture(autouse=True)
def _room_for_graphs() -> None:
    """Empty the node table before a test if it is half full: no program that a test counts is forgotten midway."""
    from tracer.ops.ir import node

    if node.table_size() > node.NODES_BOUND // 2:
        node.forget_all()


@pytest.fixture(scope="session")
def registries() -> list[dict[Any, Any]]:
    """The registries of classes by name, filled."""
    from tracer import initializer, metric, operator, optimizer, registry
    from tracer.gluon import metric as gluon_metric
    from tracer.kvstore.base import KVStoreBase
    from tracer.ndarray.custom import REGISTERED

    for module, base in ((initializer, "Initializer"), (metric, "EvalMetric"), (gluon_metric, "EvalMetric")):
        assert getattr(module, base) in registry._REGISTRY  # its import has filled it
    assert operator.CustomOpProp in {made for made, _ in REGISTERED.values()}
    return [*registry._REGISTRY.values(), KVStoreBase.kv_registry, optimizer.Optimizer.opt_registry, REGISTERED]


@pytest.fixture(autouse=True)
def _registries_as_before(registries: list[dict[Any, Any]]) -> Iterator[None]:
    """Take the classes that a test registered out of the registries: no test meets those of another."""
    before = [dict(registry) for registry in registries]
    yield
    for registry, old in zip(registries, before):
        if registry != old:
            registry.clear()
            registry.update(old)


@pytest.fixture
def jit_mode() -> str:
    """The tier under test: auto, always or never."""
    return os.environ.get("TRACER_JIT", "auto")


@pytest.fixture(params=["np", "nd"])
def F(request: pytest.FixtureRequest) -> Any:
    """The namespace of a flavour: a test that takes this fixture runs in both."""
    import tracer

    return getattr(tracer, request.param)
