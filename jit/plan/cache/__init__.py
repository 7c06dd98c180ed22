"""Layouts that need not be planned again: found by structure, by sizes, or on disk."""
