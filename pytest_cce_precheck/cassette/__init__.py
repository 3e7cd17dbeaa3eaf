"""Cassettes: recorded calls as files, freed of secrets, and found again by what was asked."""
