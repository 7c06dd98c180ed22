"""Neural-network functions of `mx.npx`, with the primitives that only they use."""
