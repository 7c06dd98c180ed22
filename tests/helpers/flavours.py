"""Helpers of the tests that run in both flavours: variables, and comparison with expected values."""
from __future__ import annotations

import numpy as onp

from tracer import autograd

NOT_IN_GRAPH = "Cannot differentiate node because it is not in a computational graph"


def variable(F, values, grad_req="write"):
    """An array of the flavour `F` with a gradient attached."""
    x = F.array(values)
    x.attach_grad(grad_req)
    return x


def same(array, expected, tolerance=1e-5):
    """Assert that an array has the expected values, within a relative and absolute tolerance."""
    expected = onp.asarray(expected, "float32")
    onp.testing.assert_allclose(array.asnumpy(), expected, rtol=tolerance, atol=tolerance)


def flags():
    """Whether this thread is recording, and whether it is training."""
    return autograd.is_recording(), autograd.is_training()
