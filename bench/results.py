"""The results of a campaign: written after every round, so that whatever ends it early leaves its rows behind."""
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
    """The dictionary `run`, and its files results.json and results.md in a folder."""

    def __init__(self, folder: Path, run: dict[str, Any]) -> None:
        self.folder = folder
        self.run = {"schema": report.SCHEMA, "state": "still running, or killed", **run,
                    "limits": None, "engines": {}, "missing": {}, "cases": []}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.png").unlink(missing_ok=True)  # an earlier campaign's, which ours would seem to be

    def save(self) -> str:
        """Write both files; the tables as text. A reader never sees half a file."""
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
        """Save at the beginning and at the end, print the tables; Ctrl-C, SIGTERM and errors are ends, too."""
        def stop(number: int, _: object) -> NoReturn:
            for each in signals:  # `timeout` sends a second one, which must not disturb the saving
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
