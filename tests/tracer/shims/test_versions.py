"""Version numbers, against the order of PEP 440 and the answers of Python 3.8's distutils."""
from __future__ import annotations

import pytest

from tracer.shims.versions import LooseVersion, Release, StrictVersion, Version

pytestmark = pytest.mark.tierless

#: In the order of PEP 440.
ORDERED = ["1.0.dev1", "1.0a1.dev2", "1.0a1", "1.0a2", "1.0b1", "1.0rc1", "1.0", "1.0.post1.dev1", "1.0.post1", "1.0.1",
           "1.1", "1.9.1", "1.10", "2.0.0b1", "2.0", "1!0.1"]


def test_releases_are_in_the_order_of_the_standard():
    for i, a in enumerate(ORDERED):
        for j, b in enumerate(ORDERED):
            assert (Release(a) < Release(b), Release(a) == Release(b)) == (i < j, i == j), (a, b)


@pytest.mark.parametrize("one, other", [("1.0", "1.0.0"), ("v1.0", "1"), ("1.0alpha1", "1.0a1"), ("1.0-1", "1.0.post1"),
                                        ("1.0c1", "1.0rc1"), ("2.0.0+cpu", "2.0")])
def test_equal_releases(one, other):
    assert Release(one) == Release(other) and hash(Release(one)) == hash(Release(other))


def test_what_is_no_release():
    for text in ("abc", "1.0.x", ""):
        with pytest.raises(ValueError, match="Invalid version"):
            Release("?").parse(text)


@pytest.mark.parametrize("text, parts", [("1.5.2b2", [1, 5, 2, "b", 2]), ("2.0.0-beta1", [2, 0, 0, "-", "beta", 1]),
                                         ("1996.07.12", [1996, 7, 12]), ("3.10a", [3, 10, "a"])])
def test_parts_of_a_loose_version(text, parts):
    version = LooseVersion(text)
    assert version.version == parts and str(version) == text and repr(version) == f"LooseVersion ('{text}')"


def test_order_of_loose_versions():
    assert LooseVersion("1.10") > LooseVersion("1.9.1") >= "1.9.1" and LooseVersion("1.9") != "1.9.0"
    assert max(map(LooseVersion, ["1.2", "1.10", "1.9"])) == "1.10"
    with pytest.raises(TypeError):
        LooseVersion("1.a") < LooseVersion("1.2")  # noqa: B015
    with pytest.raises(TypeError):
        LooseVersion("1") < 2  # noqa: B015
    with pytest.raises(NotImplementedError):
        Version("1")


@pytest.mark.parametrize("text, shown", [("1.0.0", "1.0"), ("1.0.4a3", "1.0.4a3"), ("0.5b3", "0.5b3")])
def test_strict_versions(text, shown):
    assert str(StrictVersion(text)) == shown
    assert StrictVersion("0.4") < "0.5a1" < StrictVersion("0.5b3") < StrictVersion("0.5") == "0.5.0"
    for wrong in ("1", "2.7.2.2", "1.3.a4", "1.3c4"):
        with pytest.raises(ValueError, match="invalid version number"):
            StrictVersion(wrong)
