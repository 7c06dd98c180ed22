"""The exceptions of MXNet that are not Python's own."""


class MXNetError(RuntimeError):
    """What MXNet's engine raises: mismatched shapes or dtypes, misuse of autograd, failures of an operator."""


class BroadcastError(MXNetError):
    """A value does not fit the place it is written to. Users see ValueError in `mx.nd`, MXNetError in `mx.np`."""


class CannotCompile(Exception):
    """A part of a program has no native form: `reason` says why, `node` where. The interpreter takes it."""

    def __init__(self, reason: str, node: object = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.node = node


class NoCompiler(CannotCompile):
    """The installed Numba or LLVM fails at what every program needs: the interpreter takes all of them."""
