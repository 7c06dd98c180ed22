"""`mx.log`: loggers with MXNet's format."""
from __future__ import annotations

import logging
import warnings
from logging import CRITICAL, DEBUG, ERROR, INFO, NOTSET, WARNING

__all__ = ["CRITICAL", "DEBUG", "ERROR", "INFO", "NOTSET", "WARNING", "getLogger", "get_logger"]

_LETTERS = {CRITICAL: "C", ERROR: "E", WARNING: "W", INFO: "I", DEBUG: "D"}


class _Formatter(logging.Formatter):
    """The format of a line: the level's letter, the time, process and place, in the level's colour, then the text."""

    def __init__(self) -> None:
        super().__init__(datefmt="%m%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """A record as text."""
        colour = 31 if record.levelno >= WARNING else 32 if record.levelno >= INFO else 34
        self._style._fmt = (f"\x1b[{colour}m{_LETTERS.get(record.levelno, 'U')}%(asctime)s %(process)d "
                            "%(pathname)s:%(funcName)s:%(lineno)d]\x1b[0m %(message)s")
        return super().format(record)


def get_logger(name: str | None = None, filename: str | None = None, filemode: str | None = None,
               level: int = WARNING) -> logging.Logger:
    """A logger, which is set up at the first call with its name.

    name: its name; None: Python's root logger as it is.
    filename: the file it writes to, in plain text; None: standard error, in MXNet's format.
    filemode: the file's mode, "a" by default.
    level: the lowest level that it writes.

    >>> get_logger("training", level=INFO).level
    20
    """
    logger = logging.getLogger(name)
    if name is not None and not getattr(logger, "_init_done", None):
        logger._init_done = True  # type: ignore[attr-defined]
        handler = logging.FileHandler(filename, filemode or "a") if filename else logging.StreamHandler()
        if not filename:
            handler.setFormatter(_Formatter())
        logger.addHandler(handler)
        logger.setLevel(level)
    return logger


def getLogger(name: str | None = None, filename: str | None = None, filemode: str | None = None,
              level: int = WARNING) -> logging.Logger:
    """`get_logger`, under its deprecated name."""
    warnings.warn("getLogger is deprecated, Use get_logger instead.", DeprecationWarning, stacklevel=2)
    return get_logger(name, filename, filemode, level)
