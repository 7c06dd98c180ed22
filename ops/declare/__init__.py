"""Declarations: families of ops, and the decorator that makes a function public."""
