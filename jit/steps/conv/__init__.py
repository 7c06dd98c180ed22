"""Convolutions by blocks of im2col that stay in a thread's cache, each multiplied in registers."""
