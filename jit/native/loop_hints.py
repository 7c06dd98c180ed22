"""Loop hints: metadata on a kernel's innermost loops, for facts that LLVM's own estimates miss."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llvmlite import ir

#: Float operations in a loop's body from which one iteration fills the processor's window, so that it must contain
#: independent work: iterations are interleaved (measured: a third faster to twice as fast).
LONG = 16
INTERLEAVED = 4
#: Loads and stores in an iteration from which half as many are interleaved: the values that more of them hold at once
#: do not fit the processor (measured on layer norm's gradient: from run to run, 60 to 90 cycles a vector became 57).
WIDE = 8

_ARITHMETIC = frozenset(("fadd", "fsub", "fmul", "fdiv", "fcmp"))


def give_hints(module: ir.Module) -> None:
    """Add hints to the innermost loops of `module`."""
    for function in module.functions:
        for latch, body in _innermost(function):
            turn = [x for block in body for x in block.instructions]
            if sum(1 for x in turn if _computes(x)) >= LONG:
                wide = sum(1 for x in turn if "alias.scope" in getattr(x, "metadata", ())) >= WIDE
                count = ir.Constant(ir.IntType(32), 2 if wide else INTERLEAVED)
                say(module, latch.terminator, "llvm.loop.interleave.count", count)


def _computes(x: Any) -> bool:
    return x.opname in _ARITHMETIC or (x.opname == "call" and x.callee.name.startswith("llvm."))


def _innermost(function: Any) -> Iterator[tuple[Any, set[Any]]]:
    """(latch, all blocks) of each loop without an inner loop; expects blocks in the order of the source."""
    place = {block: i for i, block in enumerate(function.blocks)}
    before: dict[Any, list[Any]] = {}
    back = {}
    for block in function.blocks:
        targets = [x for x in block.terminator.operands if isinstance(x, ir.Block)] if block.terminator else []
        for target in targets:
            before.setdefault(target, []).append(block)
        if len(targets) == 1 and place[targets[0]] <= place[block]:
            back[block] = targets[0]
    for latch, header in back.items():
        body, stack = {header}, [latch]
        while stack:
            block = stack.pop()
            if block not in body:
                body.add(block)
                stack += before.get(block, ())
        if sum(1 for block in body if block in back) == 1:
            yield latch, body


def say(module: ir.Module, back: Any, name: str, *value: ir.Constant) -> None:
    """Add the hint `name` to the loop that the jump `back` closes: LLVM's loop metadata has itself as first operand."""
    said = module.add_metadata([ir.MetaDataString(module, name), *value])
    loop = ir.MDValue(module, [said], name=str(len(module.metadata)))
    loop.operands = (loop, said)
    back.set_metadata("llvm.loop", loop)
