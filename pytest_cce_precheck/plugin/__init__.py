"""The pytest plugin: everything that knows pytest."""
