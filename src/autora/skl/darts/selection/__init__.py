"""Which equation: one criterion, the table of candidates, the choice of a row."""
