"""A fitted graph as people and programs read it: text, SymPy, LaTeX, Python, JAX."""
