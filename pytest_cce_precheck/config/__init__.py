"""Settings: the options, the file of targets, and their values."""
