"""`mx.libinfo`: the MXNet version whose API tracer implements."""

#: Scripts compare it. tracer has MXNet 2.0's API, and 1.x's beside it.
__version__ = "2.0.0"
