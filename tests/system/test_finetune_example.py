"""examples/imagefolder_finetune.py: pictures, im2rec, worker processes, the model zoo, saving and loading."""
from __future__ import annotations

import sys

import pytest
from places import ROOT

import tracer

pytestmark = pytest.mark.tierless


def test_the_example_runs_from_pictures_to_predictions(tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    tracer.install_as_mxnet()
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    import imagefolder_finetune

    losses, before, after = imagefolder_finetune.run(str(tmp_path), count=10, epochs=1, workers=1)
    assert len(losses) == 1 and 0 < losses[0] < 5 and 0 <= after <= 1
    assert (tmp_path / "three_train.rec").exists() and (tmp_path / "net.states").exists()
    sys.modules.pop("imagefolder_finetune")
