"""All recurrent cells but the convolutional ones, and their helpers, under the name of MXNet's module."""
from .dynamic import dynamic_unroll as dynamic_unroll
from .gated_cells import GRUCell, LSTMCell, LSTMPCell, RNNCell
from .modifier_cells import DropoutCell, ModifierCell, ResidualCell, VariationalDropoutCell, ZoneoutCell
from .recurrent_cell import HybridRecurrentCell, RecurrentCell
from .sequences import _cells_begin_state as _cells_begin_state
from .sequences import _cells_state_info as _cells_state_info
from .sequences import _format_sequence as _format_sequence
from .sequences import _get_begin_state as _get_begin_state
from .sequences import _mask_sequence_variable_length as _mask_sequence_variable_length
from .sequences import _reverse_sequences as _reverse_sequences
from .stacked_cells import BidirectionalCell, HybridSequentialRNNCell, SequentialRNNCell

__all__ = ["BidirectionalCell", "DropoutCell", "GRUCell", "HybridRecurrentCell", "HybridSequentialRNNCell", "LSTMCell",
           "LSTMPCell", "ModifierCell", "RNNCell", "RecurrentCell", "ResidualCell", "SequentialRNNCell",
           "VariationalDropoutCell", "ZoneoutCell"]
