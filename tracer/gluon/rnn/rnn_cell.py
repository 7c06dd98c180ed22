"""All recurrent cells but the convolutional ones, under the module's name in MXNet."""
from .dynamic import dynamic_unroll
from .gated_cells import GRUCell, LSTMCell, LSTMPCell, RNNCell
from .modifier_cells import DropoutCell, ModifierCell, ResidualCell, VariationalDropoutCell, ZoneoutCell
from .recurrent_cell import HybridRecurrentCell, RecurrentCell
from .sequences import (
    _cells_begin_state,
    _cells_state_info,
    _format_sequence,
    _get_begin_state,
    _mask_sequence_variable_length,
    _reverse_sequences,
)
from .stacked_cells import BidirectionalCell, HybridSequentialRNNCell, SequentialRNNCell

__all__ = ["BidirectionalCell", "DropoutCell", "GRUCell", "HybridRecurrentCell", "HybridSequentialRNNCell", "LSTMCell",
           "LSTMPCell", "ModifierCell", "RNNCell", "RecurrentCell", "ResidualCell", "SequentialRNNCell",
           "VariationalDropoutCell", "ZoneoutCell", "_cells_begin_state", "_cells_state_info", "_format_sequence",
           "_get_begin_state", "_mask_sequence_variable_length", "_reverse_sequences", "dynamic_unroll"]
