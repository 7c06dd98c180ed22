"""Executors: symbols bound to arrays."""
