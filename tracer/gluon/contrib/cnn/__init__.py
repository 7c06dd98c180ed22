"""`mx.gluon.contrib.cnn`: MXNet 1's place of the deformable convolutions."""
from . import conv_layers
from .conv_layers import DeformableConvolution, ModulatedDeformableConvolution

__all__ = ["DeformableConvolution", "ModulatedDeformableConvolution", "conv_layers"]
