"""Displays and drawings of graphs."""
