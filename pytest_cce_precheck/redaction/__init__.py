"""Every layer that keeps a secret from being shown or stored."""
