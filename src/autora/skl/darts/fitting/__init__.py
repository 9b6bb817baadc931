"""The coefficients of one graph: exact refit, standard errors, rounding."""
