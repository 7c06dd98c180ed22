"""Tracking of objects by the garbage collector, which compiled code turns off and on by calls of the C API.

Objects that are made by the thousand and freed by their reference counts cost the collector as much as making them:
it visits all young objects each time that some hundred have been added. An untracked object is still freed when its
last reference goes; only as part of a cycle is it not found. Python has no such calls: there, both do nothing.
"""
from __future__ import annotations

from typing import Any


def untrack(x: Any) -> None:
    """Have the collector ignore an object, until `track`."""


def track(x: Any) -> None:
    """Have the collector track an object again, if it does not."""
