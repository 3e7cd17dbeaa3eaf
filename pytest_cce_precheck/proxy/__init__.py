"""A stand-in for the service on loopback, for every client: whoever answers, the client calls it over real HTTP."""
