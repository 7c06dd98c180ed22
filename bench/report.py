"""The tables of a run, made from the dictionary that is also written as JSON."""
from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

SCHEMA = 2
_OURS, _HYBRID, _PYTHON, _BEFORE = "tracer", "tracer-hybrid", "tracer-python", "tracer-before"


def best_peer(row: dict[str, Any]) -> str | None:
    """The fastest peer of a row: no variant of tracer, and no NumPy with gradients by hand; None if there is none."""
    times = {engine: facts["median_us"] for engine, facts in row["results"].items()
             if not engine.startswith(_OURS) and not (engine == "numpy" and row["by_hand"]) and facts["status"] == "ok"}
    return min(times, key=times.__getitem__, default=None)


def ratio(row: dict[str, Any], peer: str | None, ours: str = _OURS) -> float | None:
    """A peer's median divided by ours: above 1, tracer is faster. None if one of them is missing."""
    return _ratio(row["results"].get(ours), row["results"].get(peer))


def _ratio(ours: dict[str, Any] | None, theirs: dict[str, Any] | None) -> float | None:
    if not ours or not theirs or not ours["status"] == theirs["status"] == "ok":
        return None
    return theirs["median_us"] / ours["median_us"]


def number(value: float) -> str:
    """The number with three significant digits and no exponent.

    >>> number(0.01234), number(4.5), number(24711.3)
    ('0.0123', '4.50', '24,711')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def table(heads: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table with aligned columns: the first to the left, the others to the right.

    >>> print(table(["case", "us"], [["tiny", "4.50"]]))
    | case |   us |
    | :--- | ---: |
    | tiny | 4.50 |
    """
    rows = [heads, *rows]
    widths = [max(4, *(len(row[i]) for row in rows)) for i in range(len(heads))]

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    def padded(row: list[str]) -> str:
        return line(c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths)))

    rule = line("-" * (w - 1) + ":" if i else ":" + "-" * (w - 1) for i, w in enumerate(widths))
    return "\n".join([padded(heads), rule, *map(padded, rows[1:])])


def _cell(row: dict[str, Any], engine: str, form: Callable[[dict[str, Any]], str]) -> str:
    facts = row["results"].get(engine)
    if facts is None:
        return "–"
    return form(facts) if facts["status"] == "ok" else facts["status"]


def _time(facts: dict[str, Any]) -> str:
    """The median, and half the distance between the quartiles as a share of it."""
    spread = (facts["high_us"] - facts["low_us"]) / 2 / facts["median_us"]
    return f"{number(facts['median_us'])} ±{spread:.0%}"


def _optional(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _speed(run: dict[str, Any]) -> str:
    engines = list(run["engines"])
    rows = []
    for row in run["cases"]:
        peer = best_peer(row)
        ours = row["results"].get(_OURS, {})
        times = {engine: _cell(row, engine, _time) for engine in engines}
        if row["by_hand"] and "numpy" in times:
            times["numpy"] = f"({times['numpy']})"
        rows.append([row["name"], *times.values(), peer or "–",
                     _optional(ratio(row, peer), "{:.2f}"), _optional(ratio(row, peer, _HYBRID), "{:.2f}"),
                     _optional(ratio(row, "mxnet"), "{:.2f}"),
                     number(row["limit_us"]), row["limit_of"],
                     f"{row['limit_us'] / ours['median_us']:.1%}" if ours.get("status") == "ok" else "–"])
    heads = ["best peer", "ratio", "hybridized", "over MXNet", "limit", "at the rate of", "of limit"]
    return table(["µs a call", *engines, *heads], rows)


def _changes(run: dict[str, Any]) -> str:
    """The time of each case divided by an earlier commit's, beside the difference of two runs of that commit."""
    rows = []
    for row in run["cases"]:
        again = _ratio(row["results"].get(_BEFORE), row["results"].get(_BEFORE + "-again"))
        slower = _ratio(row["results"].get(_BEFORE), row["results"].get(_OURS))
        if again and slower:
            noise = max(again, 1 / again)
            rows.append([row["name"], f"{slower:.3f}", f"{noise:.3f}", "slower" if slower > noise else ""])
    return table(["time now over before", "ratio", "two runs of before", ""], rows) if rows else ""


def _recorders(run: dict[str, Any]) -> str:
    """The time of each case recorded in Python, divided by that of the compiled recorder."""
    rows = []
    for row in run["cases"]:
        gain = _ratio(row["results"].get(_OURS), row["results"].get(_PYTHON))
        if gain:
            rows.append([row["name"], f"{gain:.3f}"])
    return table(["recorded in Python over compiled", "ratio"], rows) if rows else ""


def _starts(run: dict[str, Any]) -> str:
    engines = list(run["engines"])

    def form(facts: dict[str, Any]) -> str:
        disk = facts.get("first_disk_ms")
        cold = number(facts["first_cold_ms"])
        return cold if disk is None else f"{cold} / {number(disk)}"

    rows = []
    for row in run["cases"]:
        facts = row["results"].get(_OURS, {})
        cold, disk = facts.get("counters_cold", {}), facts.get("counters_disk", {})
        calls = compiled = "–"
        if cold and disk:
            calls = " / ".join(number(sum(facts[f"calls_{cache}_ms"])) for cache in ("cold", "disk"))
            compiled = f"{cold['kernels_compiled']:.0f} / {disk['kernels_compiled']:.0f}"
        rows.append([row["name"], *[_cell(row, engine, form) for engine in engines], calls, compiled])
    return table(["first call, ms: cold / disk cache", *engines, "tracer: 5 calls", "tracer: compiled"], rows)


def _memory(run: dict[str, Any]) -> str:
    engines = list(run["engines"])

    def form(facts: dict[str, Any]) -> str:
        if "peak_mb" not in facts:
            return "unfinished"
        return f"{facts['peak_mb']:.0f} (+{max(0.0, facts['peak_mb'] - facts['rss_mb']):.0f})"

    rows = [[row["name"], *[_cell(row, engine, form) for engine in engines]] for row in run["cases"]]
    return table(["peak memory, MB (over import and inputs)", *engines], rows)


def _ops(run: dict[str, Any]) -> str:
    """For cases with a number of recorded operations: the time per operation to record, to compile and to run."""
    engines = list(run["engines"])

    def form(facts: dict[str, Any], ops: int) -> str:
        if "dispatch_us" not in facts:
            return "unfinished"
        first = facts["calls_cold_ms"]
        once = 1e3 * sum(first) - len(first) * facts["median_us"]
        parts = (facts["dispatch_us"], max(0.0, once), facts["median_us"])
        return " / ".join(number(us / ops) for us in parts)

    rows = []
    for row in run["cases"]:
        ops = row["parameters"].get("ops")
        if ops:
            rows.append([row["name"], *[_cell(row, engine, partial(form, ops=ops)) for engine in engines]])
    return table(["µs an op: record / compile / run", *engines], rows) if rows else ""


def _mean(run: dict[str, Any]) -> str:
    lines = []
    for ours in _OURS, _HYBRID:
        ratios = [r for row in run["cases"] if (r := ratio(row, best_peer(row), ours)) is not None]
        if ratios:
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            ahead = sum(r >= 1 for r in ratios)
            lines.append(f"{ours} is ahead of its best peer in {ahead} of {len(ratios)} cases; "
                         f"geometric mean {mean:.2f}.")
    return "\n".join(lines)


def _unfinished(run: dict[str, Any]) -> str:
    """The rounds, cases and engines that are missing, unless the campaign is complete."""
    if run["state"] == "complete":
        return ""
    planned, rows = run["planned"], run["cases"]
    begun, asked = {row["name"] for row in rows}, {*run["engines"], *run["missing"]}
    rest = {"cases not begun": [name for name in planned["cases"] if name not in begun],
            "engines not asked": [name for name in planned["engines"] if name not in asked]}
    lines = [f"- {row['name']}: {row['rounds']} of {planned['rounds']} rounds" for row in rows if not row["complete"]]
    lines += [f"- {which}: {', '.join(names)}" for which, names in rest.items() if names]
    return "\n".join([f"**This campaign is not complete: {run['state']}.**", "", *lines])


def _failures(run: dict[str, Any]) -> list[str]:
    lines = [f"- {engine} took no part: {facts['missing']}" for engine, facts in run["missing"].items()]
    for row in run["cases"]:
        lines += [f"- {row['name']}, {engine}: {facts['status']}: {facts['reason']}"
                  for engine, facts in row["results"].items() if facts["status"] != "ok"]
    return lines


def _head(run: dict[str, Any]) -> str:
    machine = run["machine"]
    versions = ", ".join(f"{engine} {facts['version']}" for engine, facts in run["engines"].items())
    return "\n\n".join([
        f"# tracer and its peers, {run['when']}",
        f"{machine['processor']}, {run['threads']} of {machine['cores']} processors, {machine['system']}, "
        f"Python {machine['python']}. {versions}.",
        f"Environment of every engine: {assignments(run['environment'])}.",
        *_others(run),
    ])


def assignments(variables: dict[str, str]) -> str:
    """Environment variables as shell assignments."""
    return " ".join(f"{name}={value}" for name, value in variables.items())


def _others(run: dict[str, Any]) -> list[str]:
    """Lines about engines whose environment or processors differ from those that the campaign gave them."""
    given = {**run["environment"], "processors": run["threads"]}
    lines = []
    for engine, facts in run["engines"].items():
        if "environment" in facts:  # absent from the answers of an earlier commit's worker
            found = {**facts["environment"], "processors": facts["processors"]}
            other = [f"{name}={found.get(name, '')}" for name in sorted({*given, *found})
                     if found.get(name) != given.get(name)]
            lines += [f"**{engine} ran with {' '.join(other)} instead.**"] if other else []
    return lines


def _limits(run: dict[str, Any]) -> str:
    limits = run["limits"]
    if not limits:
        return ""
    best = limits["best_matmul"]
    copies = ", ".join(f"{_size(size)} {rate / 1e9:.0f}" for size, rate in limits["copy"])
    return (f"Limits measured in this run: matrix products {best['rate'] / 1e9:.0f} GFLOP/s ({best['of']}); the copy "
            f"probe, GB/s read and written by working set: {copies}.")


def _size(size: float) -> str:
    return f"{size / 2**20:.0f} MiB" if size >= 2 ** 20 else f"{size / 2**10:.0f} KiB"


_NOTES = """\
Medians of whole calls, results there, ± half the distance between the quartiles; ratio: the best peer's
median over tracer's, imperative and hybridized (forwards in hybridized blocks, updates by MXNet's fused operators).
The limit is the time to move inputs and results once at the copy bandwidth of that working set, or to do the
matrix products at the rate above, whichever is longer. An engine that was faster than the copy probe is the limit.
Results were compared with float64 NumPy's first. NumPy (in brackets) is no peer where its gradients were derived by
hand."""


def render(run: dict[str, Any]) -> str:
    """The whole report, in Markdown."""
    parts = [_head(run), _unfinished(run), _limits(run), _speed(run), _mean(run), _NOTES, _changes(run),
             _recorders(run), _starts(run), _memory(run), _ops(run), "\n".join(_failures(run))]
    return "\n\n".join(part for part in parts if part) + "\n"
