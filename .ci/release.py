"""Prepare a release: ``python .ci/release.py 0.2.0`` sets the version, dates the changes, and says what is left to do.

It commits nothing, tags nothing and publishes nothing.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from packaging.version import InvalidVersion, Version

ROOT: Final = Path(__file__).resolve().parent.parent
PLACES: Final = {
    "pyproject.toml": re.compile(r'(?<=^version = ")[^"]+', re.MULTILINE),
    "pytest_cce_precheck/__init__.py": re.compile(r'(?<=^__version__ = ")[^"]+', re.MULTILINE),
}
UNRELEASED: Final = re.compile(r"^## \[Unreleased\]\n(.*?)(?=^## )", re.MULTILINE | re.DOTALL)
LEFT: Final = """\
Prepared {version}. What is left to do, by hand:

  .ci/run                                    all of it has to be green
  git commit -am "Release {version}"           then a pull request, merged when CI is green
  git tag --sign v{version} -m v{version}
  git push origin v{version}                   .github/workflows/release.yml builds and publishes
"""


def prepare(root: Path, version: str, day: str) -> None:
    """Set the version in every file that has it, and move the unreleased changes below it; exits if it cannot be."""
    texts = {name: (root / name).read_text("utf-8") for name in (*PLACES, "CHANGELOG.md")}
    old = {match[0] for name, place in PLACES.items() for match in place.finditer(texts[name])}
    if len(old) != 1:
        raise SystemExit(f"the files disagree about the present version: {', '.join(sorted(old))}")
    try:
        newer = Version(version) > Version(*old)
    except InvalidVersion:
        raise SystemExit(f"{version!r} is no version: expected MAJOR.MINOR.PATCH, such as 0.2.0") from None
    if not newer or not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise SystemExit(f"{version} does not follow {', '.join(old)}: expected a higher MAJOR.MINOR.PATCH")
    changes = UNRELEASED.search(texts["CHANGELOG.md"])
    if changes is None or not changes[1].strip():
        raise SystemExit("CHANGELOG.md has nothing below [Unreleased]: write what users notice, then release it")
    for name, place in PLACES.items():
        texts[name] = place.sub(version, texts[name])
    heading = f"## [Unreleased]\n\n## [{version}] - {day}\n{changes[1]}"
    texts["CHANGELOG.md"] = texts["CHANGELOG.md"].replace(changes[0], heading, 1)
    for name, text in texts.items():
        (root / name).write_text(text, "utf-8")


def main() -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description="Prepare a release; commits, tags and publishes nothing.")
    parser.add_argument("version", metavar="VERSION", help="MAJOR.MINOR.PATCH, by semantic versioning")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout; default: this one")
    options = parser.parse_args()
    prepare(options.root, options.version, datetime.now(UTC).date().isoformat())
    sys.stdout.write(LEFT.format(version=options.version))
    return 0


if __name__ == "__main__":
    sys.exit(main())
