"""Numba's log: scripts that set the root logger to DEBUG, as MXNet's examples do, see none of it."""
from __future__ import annotations

import logging

import pytest

from tracer.jit.native import kernel_compiler

pytestmark = pytest.mark.tierless


def test_numba_logs_no_instructions(caplog):
    with caplog.at_level(logging.DEBUG):
        kernel_compiler._lower_text("kernel", kernel_compiler._TRIAL)()
    assert [record for record in caplog.records if record.name.startswith("numba")] == []
