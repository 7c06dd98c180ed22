"""`python -m bench`: tracer beside PyTorch, JAX, PyTensor, NumPy and real MXNet, on this machine, in one run.

In reading order:

- `workloads/`: the computations that are timed.
- `layers/`: networks as data, for workloads that are networks.
- `engines.py`: tracer and its peers, behind one interface.
- `worker.py`: the process that runs one workload on one engine.
- `pipe.py`: messages between campaign and workers.
- `campaign.py`: the order of a run.
- `check.py`: comparison of results with float64 NumPy's.
- `machine.py`, `limits.py`: the environment of workers, and the rates that the machine can reach.
- `results.py`: the results, saved also when a run ends early.
- `report.py`, `plot.py`, `progress.py`: tables, picture and progress bar.

Python 3.8, which real MXNet 1.9.1 needs, runs the first five of them and `machine.py`; these import no part of tracer
before an engine is loaded.
"""
