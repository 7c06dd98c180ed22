"""Programs for the command line, run by `python -m tracer.tools.NAME`."""
