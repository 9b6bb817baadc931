"""The loops of the search that Numba compiles."""
