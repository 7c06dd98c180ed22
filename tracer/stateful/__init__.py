"""Layers that write or draw, once for nd and npx."""
