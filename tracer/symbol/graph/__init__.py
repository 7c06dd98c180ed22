"""Graphs of operators: their nodes, how they are composed, and their JSON."""
