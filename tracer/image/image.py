"""`mx.image.image`: the functions and augmenters of pictures under the name of MXNet's file."""
from .augmenters import *  # noqa: F403
from .augmenters import __all__ as _augmenters
from .codec import *  # noqa: F403
from .codec import __all__ as _codec
from .colors import *  # noqa: F403
from .colors import __all__ as _colors
from .cropping import *  # noqa: F403
from .cropping import __all__ as _cropping
from .cropping import _get_interp_method as _get_interp_method
from .image_iter import ImageIter

__all__ = ["ImageIter", *_augmenters, *_codec, *_colors, *_cropping]
