"""Python's own hot functions as machine code: what recording costs is Python, and most of that is interpretation."""
