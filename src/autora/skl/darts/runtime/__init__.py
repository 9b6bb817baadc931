"""What a search needs of the machine: budgets, restarts, checkpoints, caches."""
