"""Process-wide matters: forks, signals, and long calls of NumPy."""
