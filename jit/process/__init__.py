"""The process around all runs: forks, signals, and long calls of NumPy."""
