"""The table of operators that symbols are made of."""
