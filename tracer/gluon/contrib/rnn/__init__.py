"""`gluon.contrib.rnn`: the cells that MXNet 1 has here, and MXNet 2 in `gluon.rnn`."""
from . import conv_rnn_cell, rnn_cell
from .conv_rnn_cell import *  # noqa: F403
from .rnn_cell import *  # noqa: F403

__all__ = [*conv_rnn_cell.__all__, *rnn_cell.__all__]
