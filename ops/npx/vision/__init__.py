"""The functions of `mx.npx` and `mx.nd` for images: resizing, sampling, regions of interest, boxes and anchors."""
