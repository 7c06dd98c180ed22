"""How public functions are called: for each name a form, which draws operands and arguments and gives an expression."""
