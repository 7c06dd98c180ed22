"""Automatic mixed precision answers the questions of libraries, and is refused where it is used."""
import pytest

from tracer.contrib import amp

pytestmark = pytest.mark.tierless


def test_it_has_not_begun():
    assert not amp.amp._amp_initialized and not amp.amp._amp_loss_scale_initialized
    with pytest.raises(NotImplementedError, match="amp.init"):
        amp.init()
