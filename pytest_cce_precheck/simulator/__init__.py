"""The simulator, a stand-in for the service: seeded state, two calls, faults and variations; in process or over HTTP.

The public names are in their modules: `service.Simulator`, `server.SimulatorServer`, `faults.FAULTS`,
`variations.VARIATIONS`, `clock.ManualClock`, `pipeline.NoAnswer`. This module imports none of them.
"""
