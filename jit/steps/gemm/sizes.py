"""The sizes of register tiles, for those who divide work into tiles without compiling any."""

#: The numbers in a vector, and the columns of a tile.
LANES = 16
WIDTH = 2 * LANES

#: The part of the inner dimension that is done at once.
DEPTH = 512
