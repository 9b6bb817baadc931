"""Differentiable architecture search for interpretable equations."""

import lazy_loader

from .runtime import old_pickles

# Names live where `__init__.pyi` imports them from, and are imported when asked for:
# scikit-learn and JAX take seconds, for which the command line's help need not wait.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

old_pickles.explain()
