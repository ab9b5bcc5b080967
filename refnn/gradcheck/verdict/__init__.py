"""What is said of a gradient: how far rounding may take it, the judgement of each entry, and the result."""
