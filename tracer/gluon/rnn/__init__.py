"""`gluon.rnn`: recurrent layers and cells."""
from .conv_rnn_cell import *  # noqa: F403
from .gated_cells import *  # noqa: F403
from .modifier_cells import *  # noqa: F403
from .recurrent_cell import *  # noqa: F403
from .rnn_layer import *  # noqa: F403
from .stacked_cells import *  # noqa: F403

__all__ = [*conv_rnn_cell.__all__, *gated_cells.__all__, *modifier_cells.__all__,  # type: ignore  # noqa: F405
           *recurrent_cell.__all__, *rnn_layer.__all__, *stacked_cells.__all__]  # type: ignore  # noqa: F405
