"""Mutated files give MXNetError or load, without other errors or large memory; `make fuzz-files` loads more of them."""
from __future__ import annotations

import os
import pickle
import re
import signal
import stat
import time

import numpy as onp
import pytest
from fuzz.files import campaign

import tracer as mx
from tracer import nd
from tracer.base import MXNetError
from tracer.optimizer.state_files import unpickled
from tracer.whole_files import replacing

pytestmark = pytest.mark.tierless


def test_mutations_keep_the_rule():
    counts, faults = campaign.run(5000, seed=15)
    assert not faults and sum(counts.values()) == 5000
    assert min(counts[name] for name in ("params right", "rec right", "json loaded", "states loaded", "npy right")) > 40


@pytest.mark.parametrize("kind, load, found", [
    ("rec", lambda path, data: 1 // 0, "ZeroDivisionError"),
    ("json", lambda path, data: str(len(bytes(1 << 25))), "33554[0-9]{3} bytes are taken"),
    ("npy", lambda path, data: str(len(bytes(1 << 29))), "MemoryError"),
    ("params", lambda path, data: "other values", "other values"),
    ("states", lambda path, data: os.kill(os.getpid(), signal.SIGKILL), "ended with status -9"),
    ("states", lambda path, data: time.sleep(9), "ended with status -14")])
def test_the_rule_finds_a_breach(monkeypatch, kind, load, found):
    monkeypatch.setitem(campaign.FORMATS, kind, (*campaign.FORMATS[kind][:2], load))
    monkeypatch.setattr(campaign, "LONGEST", 1)
    counts, faults = campaign.run(1, seed=1, start=campaign.TURNS.index(kind))
    assert len(faults) == 1 and faults[0].startswith("number ") and re.search(found, faults[0]), faults
    assert counts == {f"{kind} wrong": 1}


@pytest.mark.parametrize("states", [None, [1, 2], ({0: None}, "sgd"), {1, 2}])
def test_states_are_a_dict_of_states(states):
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
    updater(0, nd.ones(3), nd.ones(3))
    before = updater.states, updater.optimizer
    with pytest.raises(MXNetError, match="the bytes hold (NoneType|list|dict and str|set)$"):
        updater.set_states(pickle.dumps(states))
    assert before == (updater.states, updater.optimizer)


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/tracer_evil",)


@pytest.mark.parametrize("states", [Evil(), os.system, nd.save, mx.recordio.MXRecordIO])
def test_states_run_no_code(states):
    with pytest.raises(MXNetError, match="optimizer states hold"):
        unpickled(pickle.dumps({0: states}, 0).replace(b"tracer.", b"mxnet."))
    assert not os.path.exists("/tmp/tracer_evil")


class Zeros:
    def __init__(self, *called):
        self.called = called

    def __reduce__(self):
        return self.called[0], self.called[1:]


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("call", [(bytes, 1 << 40), (bytearray, 1 << 40), (list, range(1 << 40)),
                                  (onp.ndarray, 1 << 40), (onp.ndarray, (1 << 20, 1 << 20), onp.dtype("int8"))])
def test_states_take_no_memory_that_a_number_tells(protocol, call):
    with pytest.raises(MXNetError, match="optimizer states"):
        unpickled(pickle.dumps({0: Zeros(*call)}, protocol))


class Mine(mx.optimizer.SGD):
    """An optimizer of a user's."""


def test_states_hold_a_users_optimizer_and_plain_objects():
    updater = mx.optimizer.get_updater(Mine(learning_rate=0.5, momentum=0.9))
    updater(0, nd.ones(3), nd.ones(3))
    again = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
    again.set_states(updater.get_states(dump_optimizer=True))
    assert type(again.optimizer) is Mine and again.optimizer.lr == 0.5
    plain = {"a": onp.float32(2), "b": onp.arange(3), "c": {1, 2}, "d": slice(1), "e": onp.dtype("int8"), "f": b"x",
             "g": bytearray(b"y")}
    for protocol in range(3, pickle.HIGHEST_PROTOCOL + 1):
        found = unpickled(pickle.dumps(plain, protocol))
        assert found.pop("b").tolist() == [0, 1, 2] and found == {key: plain[key] for key in found}


def test_a_frame_that_ends_within_an_object_is_refused():
    states = pickle.dumps({0: [1.5, "text"] * 9}, 4)
    refused = []
    for length in range(1, states[3] + 1):
        try:
            assert unpickled(states[:3] + bytes([length]) + states[4:]) == {0: [1.5, "text"] * 9}
        except MXNetError as error:
            refused.append(str(error))
    assert len(refused) == 86 and f"a frame that ends at byte {2 + 9 + 15}, within an object" in " ".join(refused)


def test_errors_name_the_place(tmp_path):
    path = tmp_path / "a.params"
    nd.save(str(path), [nd.ones((2, 3)), nd.ones(4)])
    whole = path.read_bytes()
    for cut, place in ((4, "at byte 0 of 4"), (30, "at byte 28 of 30"), (len(whole) - 20, "at byte 120 of 124")):
        path.write_bytes(whole[:cut])
        with pytest.raises(MXNetError, match=place):
            nd.load(str(path))
        with pytest.raises(MXNetError, match=place):
            nd.load_frombuffer(whole[:cut])
    path.write_bytes(whole[:40] + (2 ** 40).to_bytes(8, "little") + whole[48:])
    with pytest.raises(MXNetError, match="bytes are expected"):
        nd.load(str(path))


def test_written_files_replace_the_old_as_a_whole(tmp_path):
    path = tmp_path / "a.params"
    nd.save(str(path), [nd.ones(3)])
    path.chmod(0o640)
    before = path.read_bytes()
    with pytest.raises(KeyError), replacing(str(path)) as file:
        file.write(b"half")
        raise KeyError
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.params"]
    link = tmp_path / "link"
    link.symlink_to(path)
    nd.save(str(link), [nd.zeros(3)])
    assert link.is_symlink() and nd.load(str(path))[0].asnumpy().tolist() == [0, 0, 0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    for missing in (tmp_path / "none" / "file", tmp_path):
        with pytest.raises(OSError) as caught:
            nd.save(str(missing), [nd.ones(3)])
        assert isinstance(caught.value, MXNetError)
    with replacing("/dev/null") as file:
        file.write(b"not replaced")
    assert not os.path.isfile("/dev/null")
