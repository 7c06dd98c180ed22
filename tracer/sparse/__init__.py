"""Sparse arrays: MXNet's storage types `row_sparse` and `csr`."""
