"""The exceptions of MXNet that are not Python's own."""


class MXNetError(RuntimeError):
    """The error of MXNet's engine: mismatched shapes or dtypes, misuse of autograd, failures of an operator."""


class BroadcastError(MXNetError):
    """A value cannot be broadcast to the region it is assigned to. `mx.nd` raises ValueError, `mx.np` MXNetError."""


class CannotCompile(Exception):
    """A part of a program has no native form; the interpreter runs it.

    reason: a text for reports.
    node: the node concerned, if it is a single one.
    """

    def __init__(self, reason: str, node: object = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.node = node


class NoCompiler(CannotCompile):
    """The installed Numba or LLVM fails at code that every program needs; the interpreter runs all programs."""
