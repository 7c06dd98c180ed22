"""The examples in docstrings and in README.md, run.

Not by pytest's own collection: it would import jit/x.py as jit.x, which jit/__init__.py refuses.
"""
from __future__ import annotations

import doctest
import importlib
import re
import subprocess
import sys

import pytest
from places import ROOT

from tracer import nd

pytestmark = pytest.mark.native_sample(4)

PACKAGES = {"tracer": "tracer", "jit": "tracer.jit", "ops": "tracer.ops"}


def modules_with_examples() -> list[str]:
    """Import names of the files with a doctest prompt, found without importing them."""
    names = []
    for folder, package in PACKAGES.items():
        for file in sorted((ROOT / folder).rglob("*.py")):
            if ">>> " in file.read_text():
                parts = file.relative_to(ROOT / folder).with_suffix("").parts
                names.append(".".join([package, *(part for part in parts if part != "__init__")]))
    return names


@pytest.mark.parametrize("name", modules_with_examples())
def test_docstrings(name, capsys):
    module = importlib.import_module(name)
    nd.waitall()  # what examples before have left pending
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(module, optionflags=flags)
    assert result.attempted > 0, f"{name} shows a prompt that doctest does not find"
    assert result.failed == 0, capsys.readouterr().out


def readme_examples() -> list[tuple[str, str]]:
    """Each ```python block of README.md with the ```text block directly after it, which is its output."""
    pattern = r"^```python\n(.*?)^```\n\s*^```text\n(.*?)^```$"
    return re.findall(pattern, (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("source, printed", readme_examples())
def test_readme(source, printed, tmp_path):
    result = subprocess.run([sys.executable, "-c", source], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout == printed
