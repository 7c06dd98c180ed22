"""Networks that real MXNet 2.0.0b1 has exported (tests/oracle/exported_2.py) predict the same here."""
from __future__ import annotations

from pathlib import Path

import numpy as onp
import pytest

from tracer import gluon, nd, np, npx, symbol

FOLDER = Path(__file__).resolve().parents[2] / "data" / "exported"
INPUTS = {"two_mlp": ["data"], "two_lenet": ["data"], "two_lstm": ["data"], "two_norms": ["data"],
          "two_mixed": ["data0", "data1"]}


@pytest.fixture(params=[True, False], ids=["np", "nd"])
def flavour(request):
    if request.param:
        npx.set_np()
    yield np if request.param else nd
    npx.reset_np()


def _predicted(block, flavour, arrays):
    made = block(*[flavour.array(arrays[key]) for key in arrays.files if key.startswith("in")])
    return made if isinstance(made, (list, tuple)) else [made]


@pytest.mark.parametrize("name", INPUTS)
def test_networks_of_mxnet_2(name, flavour, tmp_path):
    """Imported, and exported and imported again."""
    arrays = onp.load(FOLDER / f"{name}.npz")
    block = gluon.SymbolBlock.imports(str(FOLDER / f"{name}-symbol.json"), INPUTS[name],
                                      str(FOLDER / f"{name}-0000.params"))
    wanted = [arrays[key] for key in arrays.files if key.startswith("out")]
    for got, want in zip(_predicted(block, flavour, arrays), wanted, strict=True):
        onp.testing.assert_allclose(got.asnumpy(), want, rtol=1e-5, atol=1e-6)
    files = block.export(str(tmp_path / "again"))
    again = gluon.SymbolBlock.imports(files[0], INPUTS[name], files[1])
    assert set(again.collect_params()) == set(block.collect_params())
    for got, want in zip(_predicted(again, flavour, arrays), wanted, strict=True):
        onp.testing.assert_allclose(got.asnumpy(), want, rtol=1e-5, atol=1e-6)


def test_the_names_of_mxnet_2_are_those_of_places():
    graph = symbol.load(str(FOLDER / "two_lenet-symbol.json"))
    assert "0.weight" in graph.list_arguments()
    assert graph.list_auxiliary_states() == ["2.running_mean", "2.running_var"]
