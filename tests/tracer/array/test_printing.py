"""repr and str of arrays equal those of real MXNet (tests/data/printing.json, written by
tests/oracle/printing.py)."""
from __future__ import annotations

import json
import sys

import numpy
import pytest
from places import TESTS

sys.path.insert(0, str(TESTS / "oracle"))

import printing

from tracer import nd, np

pytestmark = pytest.mark.native_sample(16)

STORED = json.loads(printing.DATA.read_text())


@pytest.mark.parametrize("flavour", ["nd", "np"])
def test_as_real_mxnet(flavour):
    module = {"nd": nd, "np": np}[flavour]
    answers = STORED[flavour]
    assert len(answers) == len(printing.cases(flavour)) > 200
    for got, expected in zip(printing.texts(module, flavour), answers, strict=True):
        assert got == expected


def test_nested_in_lists():
    assert repr([np.array([1, 2]), np.array(1.5)]) == "[array([1., 2.]), array(1.5)]"
    assert repr([nd.array([1])]) == "[\n[1.]\n<NDArray 1 @cpu(0)>]"


def test_the_users_print_options_count():
    with numpy.printoptions(precision=2, threshold=5, edgeitems=1):
        assert repr(np.array([1.23456, 2])) == "array([1.23, 2.  ])"
        assert repr(np.arange(9)) == "array([0., ..., 8.])"
        assert str(nd.array([1.23456])) == "\n[1.23]\n<NDArray 1 @cpu(0)>"


def test_format():
    assert f"{np.array(1.5):.3f}" == "1.500"
    assert f"{np.array([1.5])}" == "[1.5]"
    assert "%.2f" % np.array(1.5) == "1.50"  # noqa: UP031  (what scripts do)
    with pytest.raises(TypeError):
        format(np.array([1.5]), ".3f")
    assert f"{nd.array([1.5])}" == "\n[1.5]\n<NDArray 1 @cpu(0)>"


def test_pending_arrays_print_their_values():
    assert repr(np.array([1.0, 2.0]) * 2) == "array([2., 4.])"
