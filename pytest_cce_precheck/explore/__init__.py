"""What to ask: the classes of each filter's values, and a plan that covers them within a budget of requests."""
