"""Convolutions of one channel by one filter, with masks of the lanes beside an image."""
