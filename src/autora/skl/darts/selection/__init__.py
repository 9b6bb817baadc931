"""Which equation: one criterion, the table of candidates, the choice of a row."""

#: How a row may be chosen, beside a callable. Here, since help must not wait for SciPy.
SELECTIONS = ("auto", "ebic", "bic", "aic", "score", "best", "loss", "holdout")
#: Kinds of coefficients that may differ between groups, by ``group_coefficients``.
POLICIES = {
    "auto": ("edge", "readout", "bias"),
    "all": ("edge", "readout", "bias"),
    "output": ("readout", "bias"),
    "none": (),
}
