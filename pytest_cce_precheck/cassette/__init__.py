"""Cassettes: recorded calls as files without secrets, found again by what was asked."""
