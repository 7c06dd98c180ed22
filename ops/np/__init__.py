"""The public functions of `mx.np` and the methods of its arrays, composed of primitives."""
