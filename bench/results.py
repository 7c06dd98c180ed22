"""The results of a campaign: written after every round, so that its rows are kept if it ends early."""
from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from bench import limits, report


class Results:
    """The results: the dictionary `run`, and its files results.json and results.md in `folder`."""

    def __init__(self, folder: Path, run: dict[str, Any]) -> None:
        self.folder = folder
        self.run = {"schema": report.SCHEMA, "state": "still running, or killed", **run,
                    "limits": None, "engines": {}, "missing": {}, "cases": []}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.png").unlink(missing_ok=True)  # an earlier campaign's, which would seem to be this one's

    def save(self) -> str:
        """Write both files, each replaced atomically; returns the tables as text."""
        for row in self.run["cases"]:
            row["best_peer"] = report.best_peer(row)
            row["ratio"] = report.ratio(row, row["best_peer"])
        if self.run["limits"]:
            limits.mark(self.run)
        text = report.render(self.run)
        for name, content in ("results.json", json.dumps(self.run, indent=1)), ("results.md", text):
            part = self.folder / (name + ".part")
            part.write_text(content)
            part.replace(self.folder / name)
        return text

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Save at the beginning and at the end, then print the tables; Ctrl-C, SIGTERM and errors are ends, too."""
        def stop(number: int, _: object) -> NoReturn:
            for each in signals:  # `timeout` sends a second signal, which must not disturb the saving
                signal.signal(each, signal.SIG_IGN)
            self.run["state"] = f"ended by {signal.Signals(number).name}"
            sys.exit(128 + number)

        signals = signal.SIGINT, signal.SIGTERM
        for each in signals:
            signal.signal(each, stop)
        try:
            self.save()
            yield
            self.run["state"] = "complete"
        except Exception as error:
            self.run["state"] = f"ended by {type(error).__name__}: {error}"
            raise
        finally:
            print(self.save())
            print(f"Written to {self.folder}.")
