"""The verifier refuses chains whose areas are wrong, each with one fault."""
from __future__ import annotations

import numpy as np
import pytest

from tracer.jit.plan import band_links
from tracer.jit.plan.memory import arrange
from tracer.jit.plan.pipeline import plan_graph
from tracer.jit.steps.gemm import openblas
from tracer.jit.verify.plan import PlanError, verify
from tracer.ops.ir.aval import aval
from tracer.ops.ir.node import leaf
from tracer.ops.npx.normalization import softmax_of
from tracer.ops.primitive.matmul import product

pytestmark = pytest.mark.tierless


@pytest.fixture
def planning(monkeypatch):
    monkeypatch.setattr(band_links, "LARGE", 1)
    monkeypatch.setattr(openblas, "_PART", 1 << 14)
    q, k, v = (leaf(aval((40, 33, 32), np.dtype("float32")), i) for i in range(3))
    return plan_graph([product(softmax_of(product(q, k, False, True), 2), v, False, False)])


def verified(planning, change=lambda areas: areas):
    """Verify the plan with other areas."""
    ((*before, chain),) = planning.layout.runs
    runs = ((*before, chain._replace(areas=change(chain.areas))),)
    places, nbytes = arrange(planning.layout.touched, dict(planning.layout.between))
    verify(planning.layout._replace(runs=runs), places, nbytes, planning)


def test_sound_areas(planning):
    verified(planning)


def moved(areas, slot=0, at=0, nbytes=0):
    first, *others = areas.values
    return areas._replace(values=((first[0] + slot, first[1] + at, first[2] + nbytes), *others))


@pytest.mark.parametrize("change, reason", [
    (lambda a: a._replace(threads=a.threads + 1), "do not lie in"),
    (lambda a: a._replace(threads=0), "do not lie in"),
    (lambda a: a._replace(nbytes=a.nbytes - 64), "are no value's"),
    (lambda a: a._replace(slots=a.slots - 1), ""),
    (lambda a: a._replace(slots=2), "are no value's"),
    (lambda a: a._replace(base=0), "('areas', 0) lies"),
    (lambda a: a._replace(values=a.values[1:]), "is no address"),
    (lambda a: moved(a, at=-a.values[0][1]), "are no value's"),
    (lambda a: moved(a, slot=-1), "are no value's"),
    (lambda a: moved(a, nbytes=-8), "are reached"),
    (lambda a: moved(a, at=a.values[1][1] - a.values[0][1]), "is"),
])
def test_wrong_areas(planning, change, reason):
    with pytest.raises(PlanError) as error:
        verified(planning, change)
    assert reason in error.value.reason
