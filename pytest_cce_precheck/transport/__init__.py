"""How requests get there: over HTTP, or straight into the simulator."""
