"""`mx.libinfo`: the version of MXNet whose interface this is."""

#: Scripts compare it: what is here is MXNet 2.0's interface, and 1.x's beside it.
__version__ = "2.0.0"
