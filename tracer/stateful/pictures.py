"""`mx.nd.image.random_*` and `mx.npx.image.random_*`: pictures changed by numbers drawn from MXNet's generator."""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError

from .. import generation
from ..array.views import internal
from ..core.invoke import invoke
from ..core.surface import assign, engine
from ..rng import distributions, mt19937
from ..rng.state import STREAMS, drawn

_SINGLE = np.float32


def _uniform(source: mt19937.Engine, low: float, high: float) -> np.floating:
    """A float32 in [low, high)."""
    first = _SINGLE(low)
    return mt19937.uniform((source,), (1,), False)[0] * (_SINGLE(high) - first) + first


def _flipped(p: float, below: bool, source: mt19937.Engine) -> np.ndarray:
    """Whether a picture is flipped: for the smallest draws in 2.0, and for the largest in 1.9.1."""
    draw = mt19937.uniform((source,), (1,), True)[0]
    return np.array([draw < p if below else draw >= 1 - p], _SINGLE)


def _factor(low: float, high: float, source: mt19937.Engine) -> np.ndarray:
    return np.array([_uniform(source, low, high)], _SINGLE)


def _alphas(std: float, source: mt19937.Engine) -> np.ndarray:
    return mt19937.normal_single(source, 3) * _SINGLE(std)


def _jitter(strengths: Sequence[float], source: mt19937.Engine) -> np.ndarray:
    """The order of the four changes, and their factors; NaN for those of strength 0."""
    order = distributions.shuffle_flat(source, 4)
    factors = np.full(4, np.nan, _SINGLE)
    for which in order.tolist():
        if strengths[which] > 0:
            factors[which] = _uniform(source, -strengths[which], strengths[which])
            factors[which] += which != 3  # the angle of the hue begins at 0
    return np.concatenate([order, factors]).astype(_SINGLE)


def _changed(cls: type, data: Any, kind: str, draw: Callable[[mt19937.Engine], np.ndarray], out: Any) -> Any:
    numbers = drawn(cls, partial(STREAMS.from_single, draw))
    made = invoke(internal("npx._change_picture"), cls, (data, numbers), (kind,))
    return made if out is None else assign(out, made)


def _ranged(cls: type, kind: str) -> Callable[..., Any]:
    def function(data: Any, min_factor: float, max_factor: float, out: Any = None) -> Any:
        if min_factor < 0 or max_factor < 0:
            raise MXNetError(f"random_{kind}: min_factor={min_factor} and max_factor={max_factor} must be at least 0")
        return _changed(cls, data, kind, partial(_factor, min_factor, max_factor), out)

    function.__doc__ = f"""A picture (height, width, channels) with its {kind} changed by a number from an interval.

        min_factor, max_factor: the interval's ends, at least 0 (MXNetError).
        """
    return function


def _flip(cls: type, kind: str) -> Callable[..., Any]:
    def function(data: Any, p: float = 0.5, out: Any = None) -> Any:
        return _changed(cls, data, kind, partial(_flipped, p, generation.is_2_so_far()), out)

    function.__doc__ = f"""A picture (height, width, channels), at random flipped, {kind.replace('_', ' to ')}, or not.

        p: the probability that it is flipped.
        """
    return function


# ---- parts of pictures ---------------------------------------------------------------------------

def _scaled_down(columns: int, rows: int, width: int, height: int) -> tuple[int, int]:
    """The largest size of the ratio of `width` to `height` that fits."""
    wide, high = _SINGLE(width), _SINGLE(height)
    if rows < high:
        wide, high = wide * _SINGLE(rows) / high, _SINGLE(rows)
    if columns < wide:
        wide, high = _SINGLE(columns), high * _SINGLE(columns) / wide
    return int(wide), int(high)


def _place(size: tuple[int, int], part: tuple[int, int], xrange: Sequence[float], yrange: Sequence[float],
           source: mt19937.Engine) -> np.ndarray:
    x = _uniform(source, *xrange) * _SINGLE(size[0] - part[0])
    y = _uniform(source, *yrange) * _SINGLE(size[1] - part[1])
    return np.array([int(x), int(y), *part], _SINGLE)


def _area(size: tuple[int, int], made: tuple[int, int], area: Sequence[float], ratio: Sequence[float], trials: int,
          source: mt19937.Engine) -> np.ndarray:
    columns, rows = size
    for _ in range(trials):
        target = float(_uniform(source, *area)) * columns * rows
        shape = math.exp(_uniform(source, math.log(ratio[0]), math.log(ratio[1])))
        width, height = round(math.sqrt(target * shape)), round(math.sqrt(target / shape))
        if 0 < width <= columns and 0 < height <= rows:
            return _place(size, (width, height), (0, 1), (0, 1), source)
    part = _scaled_down(columns, rows, *made)
    return np.array([(columns - part[0]) // 2, (rows - part[1]) // 2, *part], _SINGLE)


def _cut(cls: type, data: Any, draw: Callable[[mt19937.Engine], np.ndarray], height: int, width: int, interp: int,
         out: Any) -> Any:
    place = drawn(cls, partial(STREAMS.from_single, draw))
    made = invoke(internal("npx._cut_picture"), cls, (data, place), (height, width, interp))
    return made if out is None else assign(out, made)


def _size(data: Any, what: str, width: int, height: int) -> tuple[int, int]:
    if data.ndim not in (3, 4) or data.shape[-1] not in (1, 3):
        raise MXNetError(f"{what} expects inputs of 3D (h, w, c) or 4D (n, h, w, c), with 1 or 3 channels. But got "
                         f"{data.shape}")
    if width < 1 or height < 1:
        raise MXNetError(f"{what}: Input height and width must be greater than 0, not {height} and {width}")
    return data.shape[-2], data.shape[-3]


def _functions(cls: type) -> dict[str, Callable[..., Any]]:
    def random_color_jitter(data: Any, brightness: float, contrast: float, saturation: float, hue: float,
                            out: Any = None) -> Any:
        """A picture (height, width, channels) with the four changed in a random order, by at most these numbers."""
        return _changed(cls, data, "jitter", partial(_jitter, (brightness, contrast, saturation, hue)), out)

    def random_lighting(data: Any, alpha_std: float = 0.05, out: Any = None) -> Any:
        """A picture (height, width, 3) with the noise of `adjust_lighting`, by normal numbers of this deviation."""
        return _changed(cls, data, "lighting", partial(_alphas, alpha_std), out)

    def random_crop(data: Any, xrange: Sequence[float] = (0.0, 1.0), yrange: Sequence[float] = (0.0, 1.0),
                    width: int = 0, height: int = 0, interp: int = 1, out: Any = None) -> Any:
        """A part of a picture, or of a batch, (height, width, channels) at a random place; enlarged from a smaller one.

        xrange, yrange: the interval of the place, from 0, the first column or row, to 1, the last one possible.
        width, height: of the part.
        interp: as in `resize`.
        """
        size = _size(data, "random_crop", width, height)
        for name, (low, high) in (("xrange", xrange), ("yrange", yrange)):
            if not 0 <= low <= high <= 1:
                raise MXNetError(f"random_crop: Invalid {name}, range should be within 0 and 1.0. Given: {low, high}")
        part = _scaled_down(*size, width, height)
        return _cut(cls, data, partial(_place, size, part, tuple(xrange), tuple(yrange)), height, width, interp, out)

    def random_resized_crop(data: Any, width: int = 0, height: int = 0, area: Sequence[float] = (0.08, 1.0),
                            ratio: Sequence[float] = (0.75, 4 / 3), interp: int = 1, max_trial: int = 10,
                            out: Any = None) -> Any:
        """A part of a picture, or of a batch, (height, width, channels) of random place, size and shape, resized.

        width, height: of the result.
        area: the interval of the part's share of the picture.
        ratio: the interval of its width by its height.
        interp: as in `resize`.
        max_trial: the number of parts that are tried; then the one in the middle is taken.
        """
        size = _size(data, "random_resized_crop", width, height)
        draw = partial(_area, size, (width, height), tuple(area), tuple(ratio), max_trial)
        return _cut(cls, data, draw, height, width, interp, out)

    found = {f"random_{kind}": _ranged(cls, kind) for kind in ("brightness", "contrast", "saturation", "hue")}
    found.update({f"random_flip_{kind}": _flip(cls, kind) for kind in ("left_right", "top_bottom")})
    for function in (random_color_jitter, random_lighting, random_crop, random_resized_crop):
        found[function.__name__] = function
    return found


def random_functions(cls: type) -> dict[str, Callable[..., Any]]:
    """The functions of a namespace `image` that draw, by name, for arrays of the class `cls`."""
    made = {}
    for name, function in _functions(cls).items():
        function.__name__ = function.__qualname__ = name
        made[name] = engine(function)
    return made
