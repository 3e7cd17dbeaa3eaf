"""Whether tests notice that the service answers wrongly: the tests are run on each fault that changes an answer."""
