"""Drift over time: a snapshot keeps what runs saw of a service's answers, and the next run is compared with it."""
