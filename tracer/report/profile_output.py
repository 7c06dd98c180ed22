"""The profiler's output: a trace file in Chrome's JSON format, and tables of totals."""
from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from typing import Any

_HEAD = '{"displayTimeUnit": "ms", "traceEvents": [\n'
_TAIL = "\n]}\n"

#: Sections of the totals, by name: the unit in JSON, the divisor that converts to it, columns of the table.
_SECTIONS = {
    "Memory": ("kB", 1e3, ("Min Use  (kB)", "Max Use  (kB)", "Avg Use  (kB)")),
    "Time": ("ms", 1e6, ("Time (ms)", "Min Time (ms)", "Max Time (ms)", "Avg Time (ms)")),
    "Counter": ("", 1, ("Min Value", "Max Value", "Avg Value")),
}


class TraceFile:
    """A file of one process's trace events, which is complete JSON after every `append`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.begun = False

    def append(self, events: list[dict[str, Any]]) -> None:
        """Append events to the file. OSError if the file cannot be written."""
        if not self.begun or not os.path.exists(self.path):
            process = {"ph": "M", "name": "process_name", "pid": os.getpid(), "args": {"name": "tracer"}}
            with open(self.path, "wb") as file:
                file.write(f"{_HEAD}{json.dumps(process)}{_TAIL}".encode())
            self.begun = True
        with open(self.path, "r+b") as file:
            file.seek(-len(_TAIL), os.SEEK_END)
            file.write("".join([*(",\n" + json.dumps(event) for event in events), _TAIL]).encode())


@dataclass
class Total:
    """The totals of one name: the number of values, their sum, and the least and the largest."""

    count: int = 0
    total: float = 0
    least: float = math.inf
    most: float = -math.inf

    def add(self, value: float) -> None:
        """Add a value."""
        self.count += 1
        self.total += value
        self.least = min(self.least, value)
        self.most = max(self.most, value)

    def stats(self, unit: float) -> dict[str, float]:
        """Count, Total, Min, Max and Avg, each but the first divided by `unit`."""
        return {"Count": self.count, "Total": self.total / unit, "Min": self.least / unit, "Max": self.most / unit,
                "Avg": self.total / self.count / unit}


@dataclass
class Totals:
    """All measurements: section ("Time", "Memory", "Counter") -> category -> name -> Total."""

    sections: dict[str, dict[str, dict[str, Total]]] = field(default_factory=lambda: {s: {} for s in _SECTIONS})

    def add(self, section: str, category: str, name: str, value: float) -> None:
        """Add a value: nanoseconds, bytes, or a counter's value."""
        names = self.sections[section].setdefault(category, {})
        names.setdefault(name, Total()).add(value)

    def clear(self) -> None:
        """Remove all totals."""
        for section in self.sections.values():
            section.clear()

    def sorted(self, section: str, by: str, ascending: bool) -> dict[str, dict[str, dict[str, float]]]:
        """The totals of a section as category -> name -> stats, with the names sorted by one of the stats."""
        unit = _SECTIONS[section][1]
        return {
            category: dict(sorted(((name, t.stats(unit)) for name, t in names.items()), key=lambda row: row[1][by],
                                  reverse=not ascending))
            for category, names in sorted(self.sections[section].items())}

    def table(self, by: str, ascending: bool) -> str:
        """The totals as text, with a table for each category."""
        lines = ["", "Profile Statistics:", "\tNote the difference in units for different entries."]
        for section, (_, _, columns) in _SECTIONS.items():
            keys = ("Total", "Min", "Max", "Avg")[-len(columns):]
            for category, names in self.sorted(section, by, ascending).items():
                width = max(25, *map(len, names))
                lines += [category, "=" * 17]
                lines.append(f"{'Name':<{width}}{'Total Count':>16}" + "".join(f" {c:>16}" for c in columns))
                lines.append(f"{'----':<{width}}{'-----------':>16}" + "".join(f" {'-' * len(c):>16}" for c in columns))
                lines += [f"{name:<{width}}{stats['Count']:>16}" + "".join(f" {stats[k]:>16.4f}" for k in keys)
                          for name, stats in names.items()]
                lines.append("")
        return "\n".join(lines) + "\n"

    def json(self, by: str, ascending: bool) -> str:
        """The totals as JSON: section -> category -> name -> Count, Total, Min, Max, Avg; "Unit" has the units."""
        data: dict[str, Any] = {s: self.sorted(s, by, ascending) for s in _SECTIONS}
        for names in (names for s in ("Memory", "Counter") for names in data[s].values()):
            for stats in names.values():
                del stats["Total"]  # a sum of one quantity's values at different times is meaningless
        data["Unit"] = {s: unit for s, (unit, _, _) in _SECTIONS.items() if unit}
        return json.dumps(data, indent=4)
