"""Convolutions of few filters, from images laid with zeros beside their rows."""
