"""Make the pictures in docs/images: the HTML report of a run with a fault, as a browser without a window shows it.

``python docs/picture.py [CHROMIUM]`` needs the extra ``[report]`` and Chromium. Run it when the page changes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PICTURES: Final = {"en": "report.png", "zh": "report.zh-CN.png"}
FAULT: Final = "failed-without-a-failed-risk"
SUITE: Final = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "pytest_cce_precheck.suite")


def main() -> int:
    """Run the suite with a fault, and take a picture of its report in each language."""
    chromium = sys.argv[1] if len(sys.argv) > 1 else "chromium"
    for language, name in PICTURES.items():
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder, "findings.html")
            words = [*SUITE, f"--cce-fault={FAULT}", f"--cce-report={page}", f"--cce-lang={language}"]
            subprocess.run(words, cwd=folder, stdout=subprocess.DEVNULL, check=False)  # noqa: S603  our own interpreter
            shot = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
            shot += ["--window-size=960,860", f"--user-data-dir={folder}/profile"]
            shot += [f"--screenshot={ROOT / 'docs' / 'images' / name}", page.as_uri()]
            subprocess.run(shot, stderr=subprocess.DEVNULL, check=True)  # noqa: S603  the browser that was named
    return 0


if __name__ == "__main__":
    sys.exit(main())
