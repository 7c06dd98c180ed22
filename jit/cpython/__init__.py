"""Hot Python functions compiled to machine code: recording is Python, and most of its cost is interpretation."""
