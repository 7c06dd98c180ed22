"""The functions of `mx.nd.image` and `mx.npx.image`: pictures cut, resized and recoloured, and their tensors."""
