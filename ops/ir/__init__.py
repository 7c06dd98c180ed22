"""Intermediate representation: avals, ops, nodes and the rules of shapes. MXNet's operations are declared elsewhere."""
