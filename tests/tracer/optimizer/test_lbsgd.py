"""LBSGD: sums of gradients and the growth of its rate. Its steps are compared with MXNet's in test_oracle.py."""
from __future__ import annotations

import pytest

from tracer import nd, optimizer

pytestmark = pytest.mark.native_sample(2)


@pytest.mark.parametrize("strategy, expected", [
    ("linear", [1.0, 1.75, 2.5, 3.25, 4.0]), ("power2", [1.0, 1.1875, 1.75, 2.6875, 4.0]),
    ("sqrt", [1.0, 2.5, 1 + 3 * 0.5 ** 0.5, 1 + 3 * 0.75 ** 0.5, 4.0]), ("other", [1.0, 1.0, 1.0, 1.0, 4.0]),
])
def test_growth(strategy, expected):
    sgd = optimizer.LBSGD(warmup_strategy=strategy, warmup_epochs=2, updates_per_epoch=2, batch_scale=4)
    assert [sgd._get_lbmult(n) for n in range(5)] == pytest.approx(expected)
    assert optimizer.LBSGD(warmup_epochs=1, updates_per_epoch=1, batch_scale=4)._get_lbmult(0) == 1.0


def test_the_sum_is_of_the_gradients_at_their_time():
    sgd, weight, grad = optimizer.LBSGD(learning_rate=1, batch_scale=2, warmup_epochs=0), nd.array([8]), nd.array([1])
    for value in (1, 3, 5, 7):
        grad[:] = value
        sgd.update(0, weight, grad, None)
    assert weight.asnumpy().tolist() == [8 - 2 * 2 - 2 * 6]  # as two means of two, at the rate batch_scale
    assert sgd.num_update == 4
    with pytest.raises(AssertionError, match="NDArrays"):
        sgd.update(0, weight, 1.0, None)


@pytest.mark.parametrize("size, expected", [(1e-4, 100.0), (1e4, 0.01), (2.0, 0.5)])
def test_the_ratio_of_norms_is_bounded(size, expected):
    assert optimizer.LBSGD()._get_lars(nd.array([1]), nd.array([size]), 0.0) == pytest.approx(expected)
