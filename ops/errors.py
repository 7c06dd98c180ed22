"""The exceptions of MXNet that are not Python's own."""


class MXNetError(RuntimeError):
    """What MXNet's engine raises: mismatched shapes or dtypes, misuse of autograd, failures of an operator."""


class BroadcastError(MXNetError, ValueError):
    """A value that does not fit a shape or the place it is written to: MXNetError in `mx.np`, ValueError in
    `mx.nd`."""


class OperandError(TypeError, AssertionError):
    """What is no array where one is wanted: TypeError of MXNet's operators, AssertionError of its functions."""


class CannotCompile(Exception):
    """A part of a program has no native form: `reason` says why, `node` where. The interpreter takes it."""

    def __init__(self, reason: str, node: object = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.node = node
