"""Reports: explain() and the profiler's output."""
