"""Matrix products: OpenBLAS on one thread, or tiles in registers, shared by the pool's threads."""
