"""Arrays: handles of both flavours, views, indexing, writing and printing."""
