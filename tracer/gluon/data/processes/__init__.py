"""Worker processes of loaders: a pool of them, what they send each other, and batches in shared memory."""
