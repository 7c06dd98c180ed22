"""Seeds that change with every commit and are the same on every machine."""
from __future__ import annotations

import datetime
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def commit_seed() -> int:
    """A number from the commit's hash; from today's date if there is no repository."""
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        return int(found.stdout[:8], 16)
    except (OSError, subprocess.CalledProcessError, ValueError):
        return datetime.date.today().toordinal()
