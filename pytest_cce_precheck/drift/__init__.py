"""Drift over time: what runs saw of a service's answers is kept as a snapshot, and the next run is held against it."""
