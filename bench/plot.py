"""The picture of a run: each peer's time relative to tracer's, case by case. Needs matplotlib."""
from __future__ import annotations

from pathlib import Path
from typing import Any

_STYLE = {  # colour and marker; peers that are two modes of one library share a colour
    "tracer": ("#d1495b", "D"), "tracer-hybrid": ("#8f1d2c", "d"), "numpy": ("#8d99ae", "s"), "torch": ("#ee964b", "o"),
    "torch-compile": ("#ee964b", "^"), "jax": ("#2e86ab", "o"), "pytensor": ("#6a994e", "o"),
    "mxnet": ("#5e548e", "o"), "mxnet-hybrid": ("#5e548e", "^"),
}


def _points(run: dict[str, Any], engine: str) -> tuple[list[float], list[int]]:
    """An engine's times as multiples of tracer's, and their rows."""
    xs, ys = [], []
    for y, row in enumerate(run["cases"]):
        ours, facts = row["results"].get("tracer"), row["results"].get(engine)
        if ours and facts and ours["status"] == facts["status"] == "ok":
            xs.append(facts["median_us"] / ours["median_us"])
            ys.append(y)
    return xs, ys


def draw(run: dict[str, Any], path: Path) -> None:
    """Write the picture to `path` (PNG). ImportError without matplotlib."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    cases = run["cases"]
    figure, axes = pyplot.subplots(figsize=(10, 1.9 + 0.27 * len(cases)), layout="constrained")
    for y, row in enumerate(cases):
        ours = row["results"].get("tracer", {})
        if ours.get("status") == "ok":
            axes.text(1.01, y, _time(ours["median_us"]), transform=axes.get_yaxis_transform(), va="center",
                      fontsize=8, color="#555555")
        axes.axhline(y, color="#eeeeee", linewidth=0.8, zorder=0)
    axes.axvline(1, color=_STYLE["tracer"][0], linewidth=1.2, alpha=0.6, zorder=1)
    for engine in [engine for engine in run["engines"] if engine in _STYLE]:
        colour, marker = _STYLE[engine]
        xs, ys = _points(run, engine)
        size, above = (46, 4) if engine == "tracer" else (30, 3)
        # Hollow where NumPy's gradients are derived by hand: there it is no peer.
        fills = ["white" if engine == "numpy" and cases[y]["by_hand"] else colour for y in ys]
        axes.scatter(xs, ys, s=size, c=fills, marker=marker, edgecolors=colour, linewidths=1, zorder=above)
        axes.scatter([], [], s=size, color=colour, marker=marker, label=engine)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}×")
    axes.set_yticks(range(len(cases)), [row["name"] for row in cases], fontsize=9)
    axes.set_ylim(len(cases) - 0.4, -0.6)
    axes.set_xlabel("time of a call, in multiples of tracer's (right of the line: slower than tracer)")
    axes.text(1.01, -0.75, "tracer", transform=axes.get_yaxis_transform(), fontsize=8, color="#555555")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    machine = run["machine"]
    axes.set_title(f"{machine['processor']}, {run['threads']} threads, {run['when']}", fontsize=10,
                   loc="left", pad=14)
    _limits(axes, cases)
    figure.legend(loc="outside upper center", ncols=8, frameon=False, fontsize=9, handletextpad=0.1)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _limits(axes: Any, cases: list[dict[str, Any]]) -> None:
    """Draw a tick at the physical limit of each case, if it lies within the picture."""
    left, right = axes.get_xlim()
    points = []
    for y, row in enumerate(cases):
        ours = row["results"].get("tracer", {})
        if ours.get("status") == "ok" and left <= row["limit_us"] / ours["median_us"] <= right:
            points.append((row["limit_us"] / ours["median_us"], y))
    axes.scatter(*zip(*points) if points else ([], []), s=70, marker="|", color="#333333", label="physical limit")


def _time(us: float) -> str:
    return f"{us / 1e3:,.1f} ms" if us >= 1e4 else f"{us:,.0f} µs" if us >= 10 else f"{us:.1f} µs"
