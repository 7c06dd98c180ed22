"""The stored settings of mx.image's augmenters of boxes, in MXNet 1.9.1's order."""
from __future__ import annotations

import pytest

from tracer import image

pytestmark = pytest.mark.tierless


def test_stored_settings():
    assert image.DetRandomCropAug(0.2).dumps() == (
        '["detrandomcropaug", {"min_object_covered": 0.2, "aspect_ratio_range": [0.75, 1.33], '
        '"area_range": [0.05, 1.0], '
        '"min_eject_coverage": 0.3, "max_attempts": 50}]')
    assert image.DetRandomPadAug(1).dumps() == (
        '["detrandompadaug", {"aspect_ratio_range": [1, 1], "area_range": [1.0, 3.0], "max_attempts": 50, '
        '"pad_val": [128, 128, 128]}]')


@pytest.mark.parametrize("settings, text", [
    ({"area_range": (0.5, 0.4)}, "area_range"), ({"area_range": 0}, "area_range"),
    ({"aspect_ratio_range": (2, 1)}, "aspect_ratio_range")])
def test_empty_intervals_are_skipped(settings, text):
    with pytest.warns(UserWarning, match=f"Skip DetRandomCropAug due to invalid {text}"):
        assert not image.DetRandomCropAug(**settings).enabled
