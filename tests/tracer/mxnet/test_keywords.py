"""Keywords that public functions take, ignore or refuse, against stored answers of real MXNet (1.9.1 for nd,
2.0.0b1 for np and npx): tests/data/keywords.json, written by tests/oracle/keywords.py."""
from __future__ import annotations

import json
import sys

import pytest
from places import TESTS

import tracer

sys.path.insert(0, str(TESTS / "oracle"))

import keywords

STORED = json.loads((keywords.DATA / "keywords.json").read_text())
#: Functions where Python refuses the argument (TypeError), not MXNet's engine: accepting any keyword (`**`) would take
#: a tenth of a call's time.
CHEAP = ("nd.NDArray.", "npx.", "np.alltrue", "np.product", "np.round_", "np.sometrue")
#: Keywords taken although MXNet refuses them: harmless, as they have their usual effect or none.
TAKEN = {"out", "name", "lhs_axes", "rhs_axes"}
LENIENT = {
    ("np.tri", "ctx"), ("np.tri", "device"), ("np.triu_indices", "ctx"), ("np.triu_indices", "device"),
    ("npx.arange_like", "ctx"), ("np.random.gumbel", "dtype"), ("np.random.logistic", "dtype"),
    ("np.empty_like", "dtype"), ("np.prod", "where"), ("np.product", "where"), ("np.ndarray.sum", "where"),
    *((f"nd.NDArray.{name}", keyword) for name in ("copy", "flatten") for keyword in ("ctx", "device", "dtype"))}
#: Aliases of np functions, which MXNet takes from its engine: a symbol's name, and a keyword that it ignores.
NAMELESS = {("np.product", "name"), ("np.round_", "name"), ("np.sometrue", "name"), ("np.alltrue", "where")}


def present(name: str) -> bool:
    try:
        keywords.reach(tracer, name)
    except (AttributeError, ImportError):
        return False
    return True


ROWS = [pytest.param(flavour, row, id=row["function"]) for flavour, rows in STORED.items() for row in rows
        if present(row["function"])]


@pytest.fixture
def mode():
    yield
    tracer.npx.reset_np()


@pytest.mark.tierless
@pytest.mark.parametrize("flavour, row", ROWS)
def test_keywords(flavour, row, mode):
    tracer.npx.set_np() if flavour == "np" else tracer.npx.reset_np()
    name, arguments, stored = row["function"], row["arguments"], row["outcomes"]
    assert keywords.outcome(tracer, name, flavour, arguments) == "ok"
    anything = stored["nonsense=1"] == "ok"  # the function ignores any keyword, so "ok" proves nothing
    for keyword, expected in stored.items():
        word = keyword.partition("=")[0]
        got = keywords.outcome(tracer, name, flavour, arguments, keyword)
        if got == expected or (name, word) in LENIENT | NAMELESS:
            continue
        if expected == "ok":
            overlooked = word in ("nonsense", "where") or flavour == "np" or name.endswith("shuffle")
            assert anything and overlooked, (keyword, got)
        elif got == "ok":
            assert word in TAKEN, (keyword, expected)
        else:
            assert expected == "MXNetError" and got == "TypeError" and any(part in name for part in CHEAP), \
                (keyword, expected, got)


def test_most_functions_are_asked():
    assert len(ROWS) > 0.9 * sum(map(len, STORED.values()))
