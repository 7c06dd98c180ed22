"""`mx.gluon.contrib`: of MXNet's experimental parts of Gluon, those that tracer has."""
from ..submodules import importing

__getattr__ = importing(__name__)
