"""What is on the wire: exchanges, names, signatures, timestamps, redaction."""
