"""Layers that write to arrays or draw random numbers, shared by nd and npx."""
