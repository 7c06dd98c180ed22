"""Helpers of tests, of which `mx.test_utils` consists: comparisons, random arrays, checks of symbols and blocks."""
