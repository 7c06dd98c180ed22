"""Forms of public function calls: for each name a form draws operands and arguments and returns an expression."""
