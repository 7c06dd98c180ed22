"""The scopes of autograd: record, pause, train_mode, predict_mode, and the flags themselves."""
from __future__ import annotations

import threading

import pytest
from flavours import flags

from tracer import autograd

pytestmark = pytest.mark.native_sample(4)


def test_outside_of_all_scopes():
    assert flags() == (False, False)


@pytest.mark.parametrize(("scope", "inside", "nested"), [
    (lambda: autograd.record(), (True, True), (True, True)),
    (lambda: autograd.record(train_mode=False), (True, False), (True, False)),
    (lambda: autograd.pause(), (False, False), (False, False)),
    (lambda: autograd.pause(train_mode=True), (False, True), (False, True)),
    (lambda: autograd.train_mode(), (False, True), (True, True)),
    (lambda: autograd.predict_mode(), (False, False), (True, False)),
])
def test_scope_sets_and_restores(scope, inside, nested):
    with scope() as entered:
        assert entered is None
        assert flags() == inside
    assert flags() == (False, False)
    with autograd.record():
        with scope():
            assert flags() == nested
        assert flags() == (True, True)
    assert flags() == (False, False)


def test_scope_restores_after_an_exception():
    with pytest.raises(KeyError), autograd.record(), autograd.pause():
        raise KeyError
    assert flags() == (False, False)


def test_scope_object_can_be_entered_again_and_within_itself():
    scope, seen = autograd.record(), []
    with scope:
        seen.append(flags())
        with autograd.pause():
            with scope:
                seen.append(flags())
            seen.append(flags())
        seen.append(flags())
    seen.append(flags())
    with scope:
        seen.append(flags())
    assert seen == [(True, True), (True, True), (False, False), (True, True), (False, False), (True, True)]


def test_scopes_are_no_decorators():
    with pytest.raises(TypeError):
        autograd.record()(lambda: None)


def test_set_flags_return_what_was():
    assert autograd.set_recording(True) is False
    assert autograd.set_training(True) is False
    assert flags() == (True, True)
    assert autograd.set_recording(False) is True
    assert autograd.set_training(False) is True
    assert flags() == (False, False)


def test_each_thread_has_its_own_scopes():
    seen = []
    with autograd.record():
        thread = threading.Thread(target=lambda: seen.append(flags()))
        thread.start()
        thread.join()
        assert flags() == (True, True)
    assert seen == [(False, False)]
