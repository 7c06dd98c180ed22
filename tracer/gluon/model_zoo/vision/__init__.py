"""`mx.gluon.model_zoo.vision`: networks that classify images, by functions, and by name through `get_model`.

Their parameters are drawn at random; with `pretrained=True` they are read from a published file (`model_store`).
"""
from .alexnet import *  # noqa: F403
from .by_name import get_model  # noqa: F401
from .densenet import *  # noqa: F403
from .inception import *  # noqa: F403
from .mobilenet import *  # noqa: F403
from .resnet import *  # noqa: F403
from .squeezenet import *  # noqa: F403
from .vgg import *  # noqa: F403
