"""Native functions: from source text to an address, in memory and on disk."""
