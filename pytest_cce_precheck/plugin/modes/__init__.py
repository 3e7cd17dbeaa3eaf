"""Where a run's answers come from: one class for each mode, all with the same few methods."""
