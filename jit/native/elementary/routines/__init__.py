"""The texts of the elementary functions, a file a family; `__all__` names those that kernels may call."""
