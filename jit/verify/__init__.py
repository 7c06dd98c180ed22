"""Verifiers: proofs of a plan before it may run, by code that shares nothing with the code that made it."""
