"""Cells with shared dropout masks and with a projection, under the module's name in MXNet 1."""
from ...rnn.dynamic import dynamic_unroll as dynamic_unroll
from ...rnn.gated_cells import LSTMPCell
from ...rnn.modifier_cells import VariationalDropoutCell

__all__ = ["LSTMPCell", "VariationalDropoutCell"]
