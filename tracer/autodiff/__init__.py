"""Reverse-mode differentiation of what was recorded: scopes, and the walk back over the tape."""
