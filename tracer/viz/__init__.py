"""Pictures: `plot_network` and `print_summary` show symbols, as in MXNet.

`tracer.viz.draw(step, x, y)` draws each program that a call runs as SVG.
"""
from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from .capture import Run, RunRecorder
from .model import Diagram, describe
from .names import variables_of
from .network import plot_network
from .summary import print_summary
from .svg import render

__all__ = ["Picture", "capture", "draw", "plot_network", "print_summary"]


class Picture:
    """A picture of the programs that ran during a `capture` or `draw`. Notebooks show it; `str` gives the SVG.

    result: the result of the drawn function.
    """

    def __init__(self, recorder: RunRecorder) -> None:
        self._recorder = recorder
        self._known: dict[tuple[Run, int], Diagram] = {}
        self.result: Any = None

    @property
    def diagrams(self) -> list[Diagram]:
        """The diagrams of the programs, in the order of their first runs. Programs run by NumPy only are planned."""
        runs = [(run, run.count) for run in self._recorder.runs.values()]
        self._known = {known: self._known.get(known) or describe(known[0]) for known in runs}
        return list(self._known.values())

    def __len__(self) -> int:
        return len(self._recorder.runs)

    def __str__(self) -> str:
        return render(self.diagrams)

    def _repr_svg_(self) -> str:
        return str(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the SVG to a file."""
        Path(path).write_text(str(self), encoding="utf-8")


class capture:
    """A context manager that gives a `Picture` of the programs run inside it, complete at its end.

    >>> from tracer import np
    >>> with capture() as picture:
    ...     print((np.ones(3) + 1).sum())
    6.0
    >>> len(picture)
    1
    """

    def __init__(self) -> None:
        self._recorder = RunRecorder()
        self.picture = Picture(self._recorder)

    def __enter__(self) -> Picture:
        self._recorder.start()
        return self.picture

    def __exit__(self, error: type[BaseException] | None, *_: Any) -> None:
        self._recorder.stop(complete=error is None)


def draw(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Picture:
    """Call the function and draw the programs that it runs, one for each sync point, in order.

    Operations pending before the call run first; those that it leaves pending run as well and are part of the picture.

    >>> from tracer import np
    >>> picture = draw(lambda x: (x * x).sum(), np.ones((2, 3)))
    >>> str(picture)[:4], picture.result
    ('<svg', array(6.))
    """
    taking = capture()
    with taking as picture:
        picture.result = function(*args, **kwargs)
        # The function's frame is gone, so the names of its pending arrays come from its arguments and globals.
        taking._recorder.variables = variables_of(function, args, kwargs) | {"result": picture.result}
    taking._recorder.variables = {}
    return picture
