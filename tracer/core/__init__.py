"""Recording and running: traces, calls, the tape over cuts, and the sync point."""
