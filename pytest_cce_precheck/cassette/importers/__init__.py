"""Recordings of other tools: HAR files and cassettes of vcrpy."""
