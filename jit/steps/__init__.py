"""Native steps that are no fused kernels: matrix products, gathers and scatters."""
