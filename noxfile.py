"""The project's tasks: ``nox`` runs the usual ones, ``nox -l`` lists all, ``nox -s tests-3.13 -- -k name`` runs one."""

from __future__ import annotations

import nox

nox.options.sessions = ["lint", "docs", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False
# dependency groups
nox.needs_version = ">=2025.2.9"

PYTHONS = nox.project.python_versions(nox.project.load_toml("pyproject.toml"))


def install(session: nox.Session, *groups: str) -> None:
    """Install the package with its extras, and what the groups name."""
    session.install("-e", ".[all]", *(word for group in groups for word in ("--group", group)))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and types."""
    install(session, "test", "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("zizmor", "--offline", "--quiet", ".github", "action.yml", "docs/ci/github")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests with each Python that is present."""
    install(session, "test")
    session.run("python", "-m", "pytest", "-n", "2", *session.posargs)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Run the tests with the lowest versions that are declared."""
    constraints = session.create_tmp() + "/lowest.txt"
    session.install("packaging")
    session.run("sh", "-c", f"python tests/lowest.py >'{constraints}'", external=True)
    session.install("-e", ".[all]", "--group", "test", "--constraint", constraints)
    session.run("python", "-m", "pytest", "-n", "2", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure the coverage of the tests, and fail below the floor."""
    install(session, "test")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-n", "2", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session
def docs(session: nox.Session) -> None:
    """Check that the generated pages are up to date, and build the site; ``nox -s docs -- write`` writes them."""
    install(session, "docs")
    session.run("python", "docs/generate.py", *([] if session.posargs == ["write"] else ["--check"]))
    session.run("sphinx-build", "-q", "-W", "--keep-going", "-c", "docs/site", ".", "build/site")


@nox.session
def mutation(session: nox.Session) -> None:
    """Run mutation tests: ``nox -s mutation -- wire --share 0.2``."""
    install(session, "test", "mutation")
    session.run("python", "benchmarks/mutation.py", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Run one benchmark: ``nox -s benchmarks -- run.py --quick``."""
    install(session, "test")
    name, *arguments = session.posargs or session.error("name one of the files in benchmarks/")
    session.run("python", f"benchmarks/{name}", *arguments)
