"""Folders of the checkout that tests read, and copies of the package."""
import shutil
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent


def copy_package(folder: Path) -> None:
    """Copy the three layers to `folder` as they are imported: jit/ and ops/ inside tracer/."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tracer", folder / "tracer", ignore=ignore)
    for layer in ("jit", "ops"):
        shutil.copytree(ROOT / layer, folder / "tracer" / layer, ignore=ignore)
