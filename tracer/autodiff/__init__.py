"""Reverse-mode differentiation of recorded operations: scopes, and the backward pass over the tape."""
