"""A service as difficult as a shared, real one: busy, lagging, throttled, flaky, and yet conforming.

The public names are in their modules: `service.Staging`, `profiles.PROFILES`. This module imports neither.
"""
