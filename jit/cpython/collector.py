"""What the garbage collector need not look at: said by compiled code, for which these are calls of the C API.

Objects that are made by the thousand and freed by their reference counts cost the collector as much as making them:
it goes over all young objects each time that some hundred have been added. One that is taken out is still freed when
nobody refers to it; only as part of a cycle it would not be found. Python itself cannot say it: there, nothing is done.
"""
from __future__ import annotations

from typing import Any


def untrack(x: Any) -> None:
    """Take an object out of the collector's sight, until `track`."""


def track(x: Any) -> None:
    """Let the collector see an object again, if it was taken out."""
