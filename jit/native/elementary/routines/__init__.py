"""The elementary functions, one file for each family; `__all__` names those that kernels may call."""
