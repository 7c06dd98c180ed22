"""`mx.rnn.rnn_cell`: the cells under the name of MXNet's file."""
from __future__ import annotations

from .base_cell import BaseRNNCell, RNNParams
from .basic_cells import GRUCell, LSTMCell, RNNCell
from .conv_cells import BaseConvRNNCell, ConvGRUCell, ConvLSTMCell, ConvRNNCell
from .fused_cell import FusedRNNCell
from .modifier_cells import ModifierCell, ResidualCell, ZoneoutCell
from .stacks import BidirectionalCell, DropoutCell, SequentialRNNCell

__all__ = ["BaseConvRNNCell", "BaseRNNCell", "BidirectionalCell", "ConvGRUCell", "ConvLSTMCell", "ConvRNNCell",
           "DropoutCell", "FusedRNNCell", "GRUCell", "LSTMCell", "ModifierCell", "RNNCell", "RNNParams",
           "ResidualCell", "SequentialRNNCell", "ZoneoutCell"]
