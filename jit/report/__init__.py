"""Counters, times and reasons, for explain() and for the profiler."""
