"""The public functions of `mx.nd` and the methods of its arrays, made of primitives and of functions of np and npx."""
