"""The neural-network functions of `mx.npx`, with the primitives that only they use."""
