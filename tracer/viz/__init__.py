"""Pictures of what runs: `tracer.viz.draw(step, x, y)` draws each program of a call as SVG.

MXNet's own `mx.viz` draws symbols, which tracer does not have yet: `plot_network` and `print_summary` say so.
"""
from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from .capture import Recorder, Run
from .model import Diagram, describe
from .names import variables_of
from .svg import render

__all__ = ["Picture", "capture", "draw", "plot_network", "print_summary"]


class Picture:
    """The programs that ran while it was taken: shown by notebooks; `str` gives the SVG, `save` writes it.

    result: what the drawn function returned.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._known: dict[tuple[Run, int], Diagram] = {}
        self.result: Any = None

    @property
    def diagrams(self) -> list[Diagram]:
        """What is drawn, a program each, in the order of their first runs. Plans those that only NumPy has run."""
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
    """A picture of the programs that run inside the `with` statement, complete when it ends.

    >>> from tracer import np
    >>> with capture() as picture:
    ...     print((np.ones(3) + 1).sum())
    6.0
    >>> len(picture)
    1
    """

    def __init__(self) -> None:
        self._recorder = Recorder()
        self.picture = Picture(self._recorder)

    def __enter__(self) -> Picture:
        self._recorder.start()
        return self.picture

    def __exit__(self, error: type[BaseException] | None, *_: Any) -> None:
        self._recorder.stop(complete=error is None)


def draw(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Picture:
    """Call the function and draw the programs that it ran, each sync point's by itself, in order.

    What is pending before it runs beforehand; what it leaves pending runs as well and is a part of the picture.

    >>> from tracer import np
    >>> picture = draw(lambda x: (x * x).sum(), np.ones((2, 3)))
    >>> str(picture)[:4], picture.result
    ('<svg', array(6.))
    """
    taking = capture()
    with taking as picture:
        picture.result = function(*args, **kwargs)
        # Its frame is gone: what it calls the arrays of what is pending is found otherwise.
        taking._recorder.variables = variables_of(function, args, kwargs) | {"result": picture.result}
    taking._recorder.variables = {}
    return picture


def plot_network(*args: Any, **kwargs: Any) -> Any:
    """Not supported: it draws symbols."""
    raise NotImplementedError("mx.viz.plot_network: symbols are not supported yet; tracer.viz.draw(function, *args) "
                              "draws what a call of plain code runs")


def print_summary(*args: Any, **kwargs: Any) -> None:
    """Not supported: it summarizes symbols."""
    raise NotImplementedError("mx.viz.print_summary: symbols are not supported yet; tracer.viz.draw(function, *args) "
                              "draws what a call of plain code runs")
