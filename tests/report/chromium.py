"""Pages in a headless Chromium, and axe-core, which finds what shuts readers out of them."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.toolchains import require_module, require_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
AXE: Final = "axe-core@4.10.3"
OPEN_ALL: Final = "document.querySelectorAll('details').forEach(each => each.open = true)"


@contextmanager
def browser() -> Iterator[Any]:
    """Start Chromium, as the system installs it, for the time of the block."""
    playwright = require_module("playwright.sync_api")
    chromium = next(filter(None, map(shutil.which, _NAMES)), None) or require_program("chromium")
    with playwright.sync_playwright() as running:
        # a container has no user namespaces
        started = running.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


def axe_source(folder: Path) -> str:
    """Return the source of axe-core, which npm loads into ``folder`` once; skip if that is impossible."""
    source = folder / "axe.min.js"
    if not source.exists():
        npm = require_program("npm")
        packed = subprocess.run(
            [npm, "pack", AXE, "--silent", f"--pack-destination={folder}"],
            cwd=folder, capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if packed.returncode:
            if os.environ.get("CCE_REQUIRE_TOOLCHAINS") == "1":
                pytest.fail(f"CCE_REQUIRE_TOOLCHAINS=1, but npm cannot load {AXE}: {packed.stderr}")
            pytest.skip(f"npm cannot load {AXE}: {packed.stderr[-200:]}")
        [archive] = folder.glob("axe-core-*.tgz")
        with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as files:
            member = files.extractfile("package/axe.min.js")
            assert member is not None
            source.write_bytes(member.read())
    return source.read_text("utf-8")


def violations(page: Any, source: str) -> list[str]:
    """Return what axe-core finds on a page, one line for each element."""
    # the page's own policy permits no other script
    page.evaluate(source)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:200]}" for rule in found["violations"] for node in rule["nodes"]
    ]
