"""Public functions of `mx.nd` and methods of its arrays, made of primitives and of what np and npx share with it."""
