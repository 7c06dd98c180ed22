"""`mx.name` and `mx.attribute`: what real MXNet 1.9.1 and 2.0.0b1 answer."""
from __future__ import annotations

import pickle
import threading

import pytest

from tracer import AttrScope, attribute, name
from tracer.name import NameManager, Prefix

pytestmark = pytest.mark.tierless


def test_names_are_counted_by_kind():
    manager = NameManager()
    given = [manager.get(*x) for x in ((None, "fc"), (None, "fc"), ("mine", "fc"), ("", "conv"), (None, "fc"))]
    assert given == ["fc0", "fc1", "mine", "conv0", "fc2"]
    assert manager._counter == {"fc": 3, "conv": 1} and manager._old_manager is None


def test_a_prefix_is_before_every_name():
    prefix = Prefix("net_")
    assert [prefix.get(None, "fc"), prefix.get("mine", "fc"), prefix.get(None, "fc")] == ["net_fc0", "net_mine",
                                                                                         "net_fc1"]


def test_scopes_nest_and_end_with_an_exception():
    outer = name.current()
    with pytest.raises(ZeroDivisionError), Prefix("a_") as a:
        assert name.current() is NameManager.current is NameManager._current.value is a
        with NameManager() as inner:
            assert name.current() is inner and inner.get(None, "fc") == "fc0"
        assert name.current() is a
        1 / 0  # noqa: B018
    assert name.current() is outer


def test_each_thread_has_its_own():
    found = []
    with Prefix("a_"), AttrScope(group="1"):
        thread = threading.Thread(target=lambda: found.append((name.current(), attribute.current().get(None))))
        thread.start()
        thread.join()
    assert type(found[0][0]) is NameManager and found[0][1] == {}


def test_managers_are_ordinary_objects():
    class Upper(NameManager):
        def get(self, name, hint):
            return super().get(name, hint).upper()

    with Upper():
        assert name.current().get(None, "fc") == "FC0"
    copy = pickle.loads(pickle.dumps(Prefix("a_")))
    assert copy.get(None, "fc") == "a_fc0"


def test_attributes_of_scopes_around_it_are_those_of_a_scope():
    with AttrScope(group="a", stage="1"), AttrScope(stage="2") as inner:
        assert attribute.current() is AttrScope.current is AttrScope._current.value is inner
        assert inner.get(None) == inner._attr == {"group": "a", "stage": "2"}
        assert inner.get({"stage": "3", "x": "y"}) == {"group": "a", "stage": "3", "x": "y"}
    assert attribute.current().get(None) == {} and attribute.current().get({"b": "2"}) == {"b": "2"}


def test_attributes_are_strings():
    with pytest.raises(ValueError, match="Attributes need to be string: group is 1"):
        AttrScope(group=1)
