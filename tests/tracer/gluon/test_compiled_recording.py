"""Gluon under the compiled recorder: the same losses, and its cached passes are still called."""
import subprocess
import sys

import pytest

SCRIPT = """
from tracer import autograd, gluon, native_recording, nd, np, random
from tracer.gluon import nn

def losses():
    random.seed(0)
    net = nn.HybridSequential()
    net.add(nn.Dense(8, activation="relu"), nn.Dropout(0.3), nn.Dense(2))
    net.initialize()
    net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.01})
    x, y = nd.random.uniform(shape=(8, 5)), nd.random.uniform(shape=(8, 2))
    found = []
    for _ in range(6):
        with autograd.record():
            loss = ((net(x) - y) ** 2).mean()
        loss.backward()
        trainer.step(8)
        found.append(float(loss.asnumpy().item()))
    return found

before = losses()
native_recording.compile_all()
after = losses()
assert all(abs(a - b) < 1e-5 for a, b in zip(before, after)), (before, after)
print("alike")
"""


@pytest.mark.tierless
def test_training_is_alike():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=250, check=False)
    assert done.stdout == "alike\n", done.stderr
