"""What is on the wire: requests, responses, signatures, timestamps, and the endpoint's own vocabulary."""
