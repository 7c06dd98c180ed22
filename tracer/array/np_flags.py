"""The flags of the np mode, one pair for each thread: whether Gluon makes np arrays, and NumPy's meaning of shapes."""
from __future__ import annotations

import threading


class Flags(threading.local):
    """The flags of a thread; those of the class are the flags with which threads start."""

    array = False
    shape = False


FLAGS = Flags()


def is_np_array() -> bool:
    """Whether Gluon makes and takes np arrays in this thread."""
    return FLAGS.array


def is_np_shape() -> bool:
    """Whether shapes have NumPy's meaning: () is a scalar, and 0 an empty axis."""
    return FLAGS.shape
