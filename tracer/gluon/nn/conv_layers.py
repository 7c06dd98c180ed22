"""The layers of images: convolutions, poolings, deformable convolutions and rearranged pixels (MXNet's module)."""
from .convolution import *  # noqa: F403
from .convolution import __all__ as _convolutions
from .convolution import _Conv  # noqa: F401
from .deformable import *  # noqa: F403
from .deformable import __all__ as _deformables
from .pixels import *  # noqa: F403
from .pixels import __all__ as _pixels
from .pooling import *  # noqa: F403
from .pooling import __all__ as _poolings
from .pooling import _Pooling  # noqa: F401

__all__ = [*_convolutions, *_deformables, *_pixels, *_poolings]
