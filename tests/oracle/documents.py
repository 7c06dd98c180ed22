"""Run the two seed documents under real MXNet, in both flavours, and store their output in tests/data.

python tests/oracle/documents.py MX191/bin/python MX20/bin/python

The two interpreters have MXNet 1.9.1 and 2.0.0b1. The np flavour runs under 2.0.0b1, the nd flavour under 1.9.1.
Each script runs in a fresh process, so that the random draws are those of seed 0.
"""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"

# (answer, script, version): the answer file holds the output of that version of MXNet.
ANSWERS = (
    ("seed_np.txt", "examples/seed_np.py", "2.0.0b1"),
    ("seed_nd.txt", "examples/seed_nd.py", "1.9.1"),
    ("seed_step3_nd.txt", "tests/oracle/documents_step3_nd.py", "1.9.1"),
    ("seed_crash_np.txt", "tests/oracle/documents_crash_np.py", "2.0.0b1"),
)


def main(mx191: str, mx20: str) -> None:
    """Write every answer, from the interpreters of MXNet 1.9.1 and 2.0.0b1."""
    interpreters = {"1.9.1": mx191, "2.0.0b1": mx20}
    for answer, script, version in ANSWERS:
        command = [interpreters[version], str(ROOT / script)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
        (DATA / answer).write_text(done.stdout)
        print(f"{answer}: {len(done.stdout.splitlines())} lines from MXNet {version}")


if __name__ == "__main__":
    main(*sys.argv[1:])
