"""`python -m fuzz.files --count 1000000 --seed 1` (with PYTHONPATH=tests:tests/helpers): loads so many mutated files.

tests/system/test_file_mutations.py loads some.
"""
from __future__ import annotations

import argparse

from .campaign import drawn, run


def main() -> int:
    parser = argparse.ArgumentParser("fuzz.files", description="Load mutated files.")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="the number of the first one")
    parser.add_argument("--print", type=int, metavar="NUMBER", help="print this file")
    given = parser.parse_args()
    if given.print is not None:
        print(*drawn(given.seed, given.print), sep="\n")
        return 0
    counts, faults = run(given.count, given.seed, given.start, lambda fault: print(fault, flush=True))
    for name, number in sorted(counts.items()):
        print(f"{number:>8}  {name}")
    print(f"{sum(counts.values())} files, {len(faults)} break the rule")
    return bool(faults)


if __name__ == "__main__":
    raise SystemExit(main())
