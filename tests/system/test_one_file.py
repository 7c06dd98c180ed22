"""Additions touch one file, or two with a scalar routine: each is made in a copy of the package, and used there."""
from __future__ import annotations

import os
import subprocess
import sys

import pytest
from places import copy_package

pytestmark = [pytest.mark.tierless, pytest.mark.slow_sample(2)]

UPDATE = '''

@update("nd.heavy_ball_update", "speed")
def heavy_ball(weight: Node, grad: Node, speed: Node, lr: Number, friction: Number = 0.5) -> list[Node]:
    """speed = friction * speed + gradient; weight - lr * speed."""
    speed = add(mul(speed, number(friction, weight)), grad)
    return [sub(weight, mul(speed, number(lr, weight))), speed]
'''
USED_UPDATE = """
from tracer import nd
from tracer.base import MXNetError

weight, grad, speed = nd.array([1, 2]), nd.array([1, 1]), nd.array([2, 4])
assert nd.heavy_ball_update(weight, grad, speed, lr=0.5, out=weight) is weight
assert speed.asnumpy().tolist() == [2, 3] and weight.asnumpy().tolist() == [0, 0.5]
fresh = nd.op.heavy_ball_update(weight, grad, speed, 1, friction=0, name="step")
assert weight.asnumpy().tolist() == [0, 0.5] and fresh.asnumpy().tolist() == [-1, -0.5]
for wrong in (dict(), dict(lr=1, lazy=True), dict(lr=1, out=nd.ones(3))):
    try:
        nd.heavy_ball_update(weight, grad, speed, **wrong)
    except MXNetError:
        continue
    raise AssertionError(wrong)
"""

ELEMENTWISE = '''

soft_step = unary("soft_step", "{0} / ({T}(1) + {0} * {0})", lambda x: x / (1 + x * x), samples=interval(-2, 2),
                  names=in_np("soft_step ramp") + in_npx("soft_step") + in_nd("soft_step"))
'''
USED_ELEMENTWISE = """
from tracer import np, npx, nd

x, y = np.array([0, 1, -1]), nd.array([0, 1, -1])
for made in (np.soft_step(x), np.ramp(x), npx.soft_step(x), x.soft_step(), x.ramp(), nd.soft_step(y), y.soft_step(),
             nd.op.soft_step(y, name="a"), np.soft_step(x.astype(int)), np.soft_step(x, out=x)):
    assert made.asnumpy().tolist() == [0, 0.5, -0.5] and made.asnumpy().dtype == "float32", made
assert nd.soft_step(y.astype("int32")).asnumpy().tolist() == [0, 0, 0]
"""


ROUTINE = '''"""The cube."""
__all__ = ["cube"]


def cube(m, x):
    """x ** 3."""
    return x * x * x
'''
CALLING = '''

cube = unary("cube", "cube({0})", lambda x: x * x * x, samples=interval(-2, 2), names=in_np("cube"))
'''
USED_CALLING = """
import os
os.environ["TRACER_JIT"] = "always"
from tracer import np
from tracer.jit.report.counters import COUNTERS

assert np.cube(np.array([1, -2])).asnumpy().tolist() == [1, -8]
assert COUNTERS.native == 1
"""


@pytest.mark.parametrize(("additions", "use"), [
    ({"ops/nd/updates.py": UPDATE}, USED_UPDATE),
    ({"ops/primitive/elementary.py": ELEMENTWISE}, USED_ELEMENTWISE),
    ({"ops/primitive/elementary.py": CALLING, "jit/native/elementary/routines/cubes.py": ROUTINE}, USED_CALLING),
], ids=["update", "elementwise", "routine"])
def test_what_an_addition_touches(tmp_path, additions, use):
    copy_package(tmp_path)
    for file, text in additions.items():
        with open(tmp_path / "tracer" / file, "a") as source:
            source.write(text)
    done = subprocess.run([sys.executable, "-c", use], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0, done.stderr
