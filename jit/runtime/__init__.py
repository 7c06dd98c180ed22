"""The runtime: memory, threads, the table's loop, and the interpreter tier."""
