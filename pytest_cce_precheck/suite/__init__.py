"""The shipped contract tests (``pytest --pyargs pytest_cce_precheck.suite``), and the checks that they run."""
