"""Public functions of `mx.np` and methods of its arrays, made of primitives."""
