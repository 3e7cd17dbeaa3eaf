"""The command ``cce-precheck``: one module for each of its commands, which reads arguments and calls the library."""
