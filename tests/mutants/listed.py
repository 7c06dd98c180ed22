"""All mutants: the lists of the files named in_*.py beside this one."""
from __future__ import annotations

import importlib
from pathlib import Path

from .record import Mutant

MUTANTS: list[Mutant] = [
    mutant for path in sorted(Path(__file__).parent.glob("in_*.py"))
    for mutant in importlib.import_module(f"{__package__}.{path.stem}").MUTANTS]
