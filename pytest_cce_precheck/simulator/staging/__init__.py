"""A service as bad as a real one that others use too: busy, lagging, throttled, flaky, and yet right.

The public names are in their modules: `service.Staging`, `profiles.PROFILES`. Importing the package imports neither.
"""
