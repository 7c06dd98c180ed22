"""Tracebacks end at the user's own line, unless TRACER_TRACEBACK=full shows all frames."""
from __future__ import annotations

import os
import subprocess
import sys
import traceback
import types

import pytest
from places import ROOT

from tracer import autograd, gluon, nd, np
from tracer.core import tracebacks
from tracer.jit import settings

pytestmark = pytest.mark.tierless

FILES = "tracer/", "jit/", "ops/", "<generated"


def frames(text: str) -> list[str]:
    """The files and lines of a traceback's text."""
    return [line.strip() for line in text.splitlines() if line.startswith('  File "')]


class Net(gluon.HybridBlock):
    """A layer of five inputs, called with four features."""

    def __init__(self):
        super().__init__()
        self.body = gluon.nn.HybridSequential()
        self.body.add(gluon.nn.Dense(4, in_units=3), gluon.nn.Dense(2, in_units=5))

    def hybrid_forward(self, F, x):
        return self.body(F.relu(x))


CASES = {
    "operator": lambda: nd.ones((2, 3)) + nd.ones((4, 5)),
    "function": lambda: nd.FullyConnected(nd.ones((2, 3)), nd.ones((4, 5)), num_hidden=4, no_bias=True),
    "np function": lambda: np.dot(np.ones((2, 3)), np.ones((4, 5))),
    "method": lambda: nd.ones((2, 3)).sum(axis=5),
    "update": lambda: nd.sgd_update(nd.ones(2), nd.ones(3), lr=0.1, out=nd.ones(2)),
    "block": lambda: gluon.nn.Dense(2, in_units=5)(nd.ones((2, 3))),
}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="3.10 raises again with the traceback of before")
@pytest.mark.parametrize("name", CASES)
def test_a_caught_exception_ends_at_the_user_s_line(name):
    try:
        CASES[name]()
    except Exception as error:
        found = traceback.extract_tb(error.__traceback__)
    assert [frame.filename for frame in found] == [__file__, __file__]
    assert found[-1].lineno == CASES[name].__code__.co_firstlineno


@pytest.mark.skipif(sys.version_info < (3, 11), reason="3.10 raises again with the traceback of before")
@pytest.mark.parametrize("hybrid", [False, True])
def test_the_user_s_frames_between_blocks_stay(hybrid):
    net = Net()
    net.initialize()
    net.hybridize(hybrid)
    try:
        with autograd.record():
            net(nd.ones((2, 3)))
    except Exception as error:
        found = traceback.extract_tb(error.__traceback__)
    assert [frame.name for frame in found] == ["test_the_user_s_frames_between_blocks_stay", "hybrid_forward"]


def test_full_shows_all(monkeypatch):
    monkeypatch.setattr(settings, "traceback", "full")
    try:
        CASES["operator"]()
    except Exception as error:
        found = traceback.extract_tb(error.__traceback__)
    assert found[-1].name == "_build" and len(found) > 2


def test_an_exception_of_the_user_s_own_code_passes():
    class Wrong(gluon.Block):
        def forward(self, x):
            return {}["key"]

    with pytest.raises(KeyError) as caught:
        Wrong()(nd.ones(1))
    assert caught.value.args == ("key",) and traceback.extract_tb(caught.value.__traceback__)[-1].name == "forward"


# ---- uncaught exceptions ---------------------------------------------------------------------------------

SCRIPT = """
import threading
from tracer import gluon, nd

def first():
    gluon.Parameter("w").data()

def run():
    try:
        first()
    except RuntimeError:
        nd.ones((2, 3)).asscalar()

thread = threading.Thread(target=run)
thread.start()
thread.join()
run()
"""


def run(script: str, *options: str, **environment: str) -> str:
    """The text that a script writes to standard error."""
    environment = {**os.environ, "TRACER_JIT": "never", "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([sys.executable, *options, script], env=environment, capture_output=True, text=True,
                          check=False).stderr


@pytest.mark.parametrize("options", [[], ["-m", "tracer"]], ids=["python", "python -m tracer"])
def test_an_uncaught_exception_ends_at_the_user_s_line(tmp_path, options):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    shown = run(str(script), *options)
    found = [line for line in frames(shown) if "threading.py" not in line]
    names = [line.rpartition(" ")[2] for line in found]
    assert names == ["run", "first", "run", "run", "first", "<module>", "run"], shown
    assert not any("tracer/" in line for line in found), shown
    assert shown.count("ValueError: ") == 2 and shown.count("During handling") == 2
    full = run(str(script), *options, TRACER_TRACEBACK="full")
    assert "parameter.py" in full and len(frames(full)) > len(frames(shown))


def test_frames_of_libraries_that_tracer_called_are_left_out():
    space = {"__package__": "tracer.x", "__name__": "tracer.x"}
    exec("def inside(f, *args): return f(*args)", space)
    library = {"__package__": "numpy", "__name__": "numpy.x"}
    exec("def library(f, *args): return f(*args)", library)

    def of_the_user():
        raise ValueError

    def names(act):
        try:
            act()
        except ValueError as error:
            return [f.name for f in traceback.extract_tb(tracebacks.without_ours(error.__traceback__))]

    assert names(lambda: space["inside"](library["library"], of_the_user)) == ["names", "<lambda>", "of_the_user"]
    assert names(lambda: space["inside"](library["library"], space["inside"], int, "x")) == ["names", "<lambda>"]
    assert names(lambda: library["library"](of_the_user)) == ["names", "<lambda>", "library", "of_the_user"]


def test_ipython_shows_the_same(monkeypatch):
    shown = []

    class Shell:
        custom_exceptions = ()

        def set_custom_exc(self, kinds, handler):
            self.kinds, self.handler = kinds, handler

        def showtraceback(self, given, tb_offset=None):
            shown.append(traceback.extract_tb(given[2]))

    shell = Shell()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr("threading.excepthook", sys.excepthook)
    tracebacks.begin()
    assert shell.kinds == (Exception,)
    with pytest.raises(RuntimeError) as caught:
        gluon.Parameter("w").data()
    shell.handler(shell, RuntimeError, caught.value, caught.value.__traceback__)
    assert [frame.name for frame in shown[0]] == ["test_ipython_shows_the_same"]
