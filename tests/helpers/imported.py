"""The imports of a source text, relative ones resolved."""
from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple


class Import(NamedTuple):
    """An imported name: `from a import b` counts as a.b, as b may be a module.

    deferred: the import stands within a function.
    for_types: the import stands under TYPE_CHECKING.
    """

    line: int
    name: str
    deferred: bool = False
    for_types: bool = False


def imports_of(source: str, package: str) -> Iterator[Import]:
    """All imports of a file of `package`."""
    parts = package.split(".")

    def visit(node: ast.AST, deferred: bool, for_types: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ImportFrom):
                base = parts[:len(parts) - child.level + 1] if child.level else []
                stem = ".".join([*base, *([child.module] if child.module else [])])
                yield from (Import(child.lineno, f"{stem}.{alias.name}", deferred, for_types) for alias in child.names)
            elif isinstance(child, ast.Import):
                yield from (Import(child.lineno, alias.name, deferred, for_types) for alias in child.names)
            else:
                types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
                yield from visit(child, deferred or isinstance(child, (ast.FunctionDef, ast.Lambda)),
                                 for_types or types)

    return visit(ast.parse(source), False, False)
