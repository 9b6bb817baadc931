"""Pages that a person can send or play with: one HTML file each, without a network."""
