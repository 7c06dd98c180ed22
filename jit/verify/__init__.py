"""Verifiers: what is proved of a plan before it may run, by code that shares nothing with what made it."""
