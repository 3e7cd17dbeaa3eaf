"""A stand-in for the service: a seeded world, the two calls, faults and variations; in process or by HTTP.

The public names are in their modules: `service.Simulator`, `server.SimulatorServer`, `faults.FAULTS`,
`variations.VARIATIONS`, `clock.ManualClock`, `pipeline.NoAnswer`. Importing the package imports none of them.
"""
