"""An addition touches one file: it is appended to a copy of the package, and used there as a user would."""
from __future__ import annotations

import os
import subprocess
import sys

import pytest
from places import copy_package

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


@pytest.mark.parametrize(("file", "addition", "use"), [("ops/nd/updates.py", UPDATE, USED_UPDATE)], ids=["update"])
def test_an_addition_touches_one_file(tmp_path, file, addition, use):
    copy_package(tmp_path)
    with open(tmp_path / "tracer" / file, "a") as declarations:
        declarations.write(addition)
    done = subprocess.run([sys.executable, "-c", use], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0, done.stderr
