"""`mx.initializer`, also called `mx.init`: how parameters get their first values, the same as MXNet's from one seed."""
from .base import InitDesc, Initializer, alias, create, register
from .chosen import Load, Mixed
from .drawn import MSRAPrelu, Normal, Orthogonal, Uniform, Xavier
from .filled import Bilinear, Constant, LSTMBias, One, Zero
from .recurrent import FusedRNN, RNNFused

__all__ = ["Bilinear", "Constant", "FusedRNN", "InitDesc", "Initializer", "Load", "LSTMBias", "Mixed", "MSRAPrelu",
           "Normal", "One", "Orthogonal", "RNNFused", "Uniform", "Xavier", "Zero", "alias", "create", "register"]
