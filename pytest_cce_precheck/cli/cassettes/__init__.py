"""The command ``cce-precheck cassettes``: what there is, whether it can be trusted, what changed, in and out."""
