"""`python -m bench`: tracer beside PyTorch, JAX, PyTensor, NumPy and real MXNet, on this machine, in one run.

In reading order: `workloads/` (what is run), `engines.py` (who runs it), `worker.py` (a process that does one
thing for one of them), `pipe.py` (how it is spoken to), `campaign.py` (who is asked what, in which order),
`check.py` (nothing wrong is timed), `machine.py` and `limits.py` (threads, and what the machine can do at
best), `results.py` (what is kept, whatever ends the run), `report.py`, `plot.py` and `progress.py` (what you
see). Python 3.8, which real MXNet 1.9.1 needs, runs the first four of them and `machine.py`; they import no part
of tracer before they are told to.
"""
