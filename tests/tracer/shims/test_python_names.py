"""Python's removed names and modules."""
from __future__ import annotations

import collections.abc

import pytest

from tracer.shims import python_names
from tracer.shims.python_names import MODULES, NAMES, gcd, getargspec, load_source, strtobool

pytestmark = pytest.mark.tierless


def test_abcs_are_those_of_collections_abc():
    assert NAMES[collections]["Mapping"] is collections.abc.Mapping
    assert set(NAMES[collections]) == set(collections.abc.__all__)


def test_getargspec():
    assert getargspec(lambda a, b=1, *c, **d: 0) == (["a", "b"], "c", "d", (1,))
    assert getargspec(lambda: 0).args == [] and getargspec(lambda: 0).defaults is None

    def annotated(a: int) -> None:
        pass

    for function in (lambda *, a: 0, annotated):
        with pytest.raises(ValueError, match="keyword-only"):
            getargspec(function)


@pytest.mark.parametrize("a, b, divisor", [(12, 18, 6), (-12, 18, 6), (12, -18, -6), (0, 0, 0), (0, -3, -3)])
def test_gcd_has_the_sign_of_the_second(a, b, divisor):
    """The answers of Python 3.8's fractions.gcd."""
    assert gcd(a, b) == divisor


def test_words_for_yes_and_no():
    assert [strtobool(word) for word in ("Yes", "1", "on", "n", "False", "0")] == [1, 1, 1, 0, 0, 0]
    with pytest.raises(ValueError, match="invalid truth value 'maybe'"):
        strtobool("maybe")


def test_a_module_from_a_file(tmp_path, monkeypatch):
    (tmp_path / "some.py").write_text("value = 3\n")
    monkeypatch.setitem(python_names.sys.modules, "loaded_module", None)
    module = load_source("loaded_module", str(tmp_path / "some.py"))
    assert module.value == 3 and python_names.sys.modules["loaded_module"] is module
    with pytest.raises(ImportError, match="no file of Python source"):
        load_source("loaded_module", str(tmp_path / "some.txt"))


def test_modules_have_what_scripts_import():
    assert {name: sorted(space) for name, space in MODULES.items()} == {
        "distutils": [], "distutils.version": ["LooseVersion", "StrictVersion", "Version"],
        "distutils.util": ["strtobool"], "imp": ["load_source", "reload"], "pkg_resources": ["parse_version"]}
