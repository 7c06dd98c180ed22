"""The record of a mutant: one small, plausible fault, given as a text replacement in one file."""
from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Mutant(NamedTuple):
    """A fault in the product.

    file: path from the root of the tree.
    old: text that occurs once in the file.
    new: its replacement.
    wrong: one sentence on the consequence.
    detector: the tests known to catch it, as the tier of `make test` that runs them, then pytest's arguments.
    """

    name: str
    file: str
    old: str
    new: str
    wrong: str
    detector: str


def mutated(mutant: Mutant, root: Path) -> str:
    """The text of the mutant's file with the fault in it.

    LookupError if the old text does not occur exactly once: the code has changed, and the list must follow.
    """
    text = (root / mutant.file).read_text()
    count = text.count(mutant.old)
    if count != 1:
        raise LookupError(f"mutant {mutant.name}: its old text occurs {count} times in {mutant.file}: {mutant.old!r}")
    return text.replace(mutant.old, mutant.new)
