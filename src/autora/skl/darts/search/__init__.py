"""Graphs of any size: proposals by the architecture gradient, exact refits."""
