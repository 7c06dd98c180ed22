"""`mx.rnn`: recurrent cells made of symbols, and batches of sentences by length."""
from . import io, rnn, rnn_cell
from .io import *  # noqa: F403
from .rnn import *  # noqa: F403
from .rnn_cell import *  # noqa: F403

__all__ = ["io", "rnn", "rnn_cell", *io.__all__, *rnn.__all__, *rnn_cell.__all__]
