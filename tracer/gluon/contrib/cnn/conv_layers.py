"""The deformable convolutions, under MXNet 1's name of their module."""
from ...nn.conv_layers import DeformableConvolution, ModulatedDeformableConvolution

__all__ = ["DeformableConvolution", "ModulatedDeformableConvolution"]
