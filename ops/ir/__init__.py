"""Intermediate representation: avals, ops, nodes and the rules of shapes. It knows no operation of MXNet's."""
