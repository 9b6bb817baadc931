"""Which equation: one criterion, the table of candidates, the choice of a row."""

#: How a row may be chosen, beside a callable. Here, since help must not wait for SciPy.
SELECTIONS = ("auto", "ebic", "bic", "aic", "score", "best", "loss", "holdout")
