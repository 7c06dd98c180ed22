"""`python -m bench`: the command line."""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from bench import plot, report, workloads
from bench.campaign import Plan, run_case, survey
from bench.engines import ENGINES
from bench.machine import ROOT, cores, describe, environment, settings
from bench.progress import Progress
from bench.results import Results


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Time tracer beside every peer that is installed; results are checked first.",
        epilog="Cases: " + ", ".join(case for _, case in _cases([])) + ".")
    parser.add_argument("--only", metavar="NAME,NAME", help="these cases or workloads (a prefix will do)")
    parser.add_argument("--peers", metavar="NAME,NAME", help="these engines: " + ", ".join(ENGINES))
    parser.add_argument("--threads", type=int, default=cores(), help="for every engine (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="few repetitions: does it work, not how fast")
    parser.add_argument("--rounds", type=int, help="turns that each engine gets (default: 7)")
    parser.add_argument("--mxnet", metavar="PATH", help="Python interpreter that has real MXNet 1.9.1")
    parser.add_argument("--peers-python", metavar="PATH",
                        help="Python interpreter that has torch, jax and pytensor (default: this one)")
    parser.add_argument("--before", metavar="FOLDER", type=Path,
                        help="checkout of an earlier commit, installed in its .venv: it takes part twice")
    parser.add_argument("--timeout", type=float, default=180, help="seconds for one answer of an engine")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench",
                        help="folder for results.json, results.md, results.png (default: build/bench)")
    return parser.parse_args(argv)


def _cases(only: list[str]) -> list[tuple[str, str]]:
    """The pairs (workload, case) whose names start with one of `only`, or all of them."""
    found = []
    for name in workloads.names():
        for case in workloads.load(name).CASES:
            if not only or any(case.startswith(o) or name == o for o in only):
                found.append((name, case))
    return found


def _plan(options: argparse.Namespace) -> Plan:
    wanted = options.peers.split(",") if options.peers else list(ENGINES)
    unknown = [name for name in wanted if name not in ENGINES]
    if unknown:
        sys.exit(f"python -m bench: no such engine: {', '.join(unknown)}; there are {', '.join(ENGINES)}")
    if options.threads < 1 or options.threads > cores():
        sys.exit(f"python -m bench: --threads must be 1 to {cores()}, the processors this process may use")
    interpreters = {}
    before = [name for name, engine in ENGINES.items() if engine.elsewhere]
    wanted = [name for name in wanted if name not in before]
    if options.before:
        wanted += before
        interpreters.update(dict.fromkeys(before, str(options.before.resolve() / ".venv" / "bin" / "python")))
    if options.mxnet:
        interpreters.update(dict.fromkeys(("mxnet", "mxnet-hybrid"), options.mxnet))
    elif not options.peers:
        wanted = [name for name in wanted if not name.startswith("mxnet")]
    if options.peers_python:
        theirs = [name for name in ENGINES if name.startswith("torch")] + ["jax", "pytensor"]
        interpreters.update(dict.fromkeys(theirs, options.peers_python))
    plan = Plan(wanted, interpreters, options.threads, timeout=options.timeout)
    if options.before:
        plan.before = options.before.resolve()
    if options.quick:
        plan.rounds, plan.seconds, plan.warm = 2, 0.02, 0.05
    if options.rounds:
        plan.rounds = options.rounds
    return plan


def _probes(plan: Plan) -> dict[str, Any]:
    cache = ROOT / "build" / "bench-cache"
    done = subprocess.run([sys.executable, "-m", "bench.limits", str(plan.threads)], cwd=ROOT, check=True,
                          stdout=subprocess.PIPE, env=environment(plan.threads, cache))
    return json.loads(done.stdout)


def main(argv: list[str] | None = None) -> int:
    """Run the campaign, print the tables, write the files. Returns 1 if tracer failed or was wrong anywhere."""
    options = _options(argv)
    cases = _cases(options.only.split(",") if options.only else [])
    if not cases:
        sys.exit(f"python -m bench: nothing is called {options.only}")
    plan = _plan(options)
    given = settings(environment(plan.threads, Path()))
    print(f"Environment of every engine: {report.assignments(given)}.", flush=True)
    results = Results(options.out, {
        "when": time.strftime("%Y-%m-%d %H:%M"), "machine": describe(), "threads": plan.threads,
        "environment": given, "quick": options.quick,
        "planned": {"cases": [case for _, case in cases], "engines": list(plan.engines), "rounds": plan.rounds},
    })
    run = results.run
    with results.recording(), closing(Progress(len(cases) * len(plan.engines))) as progress:
        progress.show("limits", "copying, multiplying")
        run["limits"] = _probes(plan)
        progress.show("engines", "importing")
        found = survey(plan)
        run["engines"] = {name: found[name] for name in plan.engines}
        run["missing"] = {name: facts for name, facts in found.items() if "missing" in facts}
        progress.begin(len(cases) * len(plan.engines))
        for workload, case in cases:
            run_case(workload, case, plan, results, progress)
    try:
        plot.draw(run, options.out / "results.png")
    except ImportError:
        print("No picture: matplotlib is not installed.")
    ours = [row["results"][name]["status"] for row in run["cases"] for name in ("tracer", "tracer-hybrid")
            if name in row["results"]]
    return int(any(status != "ok" for status in ours))


if __name__ == "__main__":
    sys.exit(main())
