"""Send every case through the vendor's SDKs; write docs/sdk-table.md and the totals in docs/sdk.md.

``python docs/sdk_table.py`` needs the extra ``[sdk]`` and the drivers, built as drivers/README.md says.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import monotonic
from typing import Final

from pytest_cce_precheck.errors import CcePrecheckError
from pytest_cce_precheck.sdk.cases import corpus_cases
from pytest_cce_precheck.sdk.run import run_sdks
from pytest_cce_precheck.sdk.table import as_markdown
from pytest_cce_precheck.sdk.versions import ASYNCHRONOUS, installed_driver

ROOT: Final = Path(__file__).resolve().parent.parent
START: Final = "<!-- verdicts -->\n"
END: Final = "<!-- /verdicts -->"

_HEAD: Final = """\
# What each SDK makes of each case

Written by `python docs/sdk_table.py`. [The kit](sdk.md) explains the words and shows the most important cases. A case
that every SDK gets right is not listed. The columns `huaweicloud-sdk-core` are Java and Node.js (with `@`), with
[a substitute](../drivers/README.md#why-the-java-driver-has-a-stand-in) for the two calls.

"""


def main() -> int:
    """Run the command."""
    try:
        commands = [
            installed_driver(),
            (*installed_driver(), ASYNCHRONOUS),
            (str(ROOT / "drivers/go/cce-driver"),),
            ("java", "-jar", str(ROOT / "drivers/java/target/cce-driver.jar")),
            ("node", str(ROOT / "drivers/node/driver.mjs")),
        ]
        started = monotonic()
        table = as_markdown(run_sdks(commands, corpus_cases()))
    except CcePrecheckError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{len(corpus_cases())} cases, {len(commands)} SDKs, {monotonic() - started:.0f} s\n")
    (ROOT / "docs/sdk-table.md").write_text(_HEAD + table, encoding="utf-8")
    page = ROOT / "docs/sdk.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(START)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"docs/sdk.md has no block {START.strip()} … {END}")
    sums = table.partition("\n\n")[0]
    page.write_text(f"{before}{START}{sums}\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
