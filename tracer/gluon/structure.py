"""The structure counter: it counts changes of blocks and parameters, so that lists collected from them can be kept."""
from __future__ import annotations


class Structure:
    """A counter of changes: children and parameters registered, and arrays of parameters replaced.

    changes: their number.
    """

    def __init__(self) -> None:
        self.changes = 0

    def change(self) -> None:
        """Count a change: whatever was collected from a block must be collected anew."""
        self.changes += 1


#: The counter for all blocks of the process.
STRUCTURE = Structure()
