"""Write what an index shows of the package: README.md with links that work there.

Links to files of the repository become addresses if the environment says where it is: ``CCE_REPOSITORY``, or what
GitHub sets in a workflow. Else their text stays without a link, because an index page has no such files.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?!https?://|#)(?P<target>[^)]+)\)")


class CustomMetadataHook(MetadataHookInterface):
    """Adds the long description and the addresses of the project."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the fields that ``pyproject.toml`` calls dynamic."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        base = repository(dict(os.environ))
        metadata["readme"] = {"content-type": "text/markdown", "text": for_index(text, base, f"v{metadata['version']}")}
        pages = {"Source": "", "Changelog": "/blob/main/CHANGELOG.md", "Documentation": "/blob/main/docs/index.md"}
        metadata["urls"] = {name: f"{base}{path}" for name, path in pages.items()} if base else {}


def repository(environment: dict[str, str]) -> str:
    """Return the address of the repository, empty if nothing says it."""
    server, name = environment.get("GITHUB_SERVER_URL"), environment.get("GITHUB_REPOSITORY")
    return environment.get("CCE_REPOSITORY", f"{server}/{name}" if server and name else "").removesuffix("/")


def for_index(text: str, base: str, version: str) -> str:
    """Return a page of the repository as an index may show it: every link has an address, or is none.

    >>> for_index("![picture](a.png) [the page](docs/a.md#b)", "https://host.example/us", "v1")
    '![picture](https://host.example/us/raw/v1/a.png) [the page](https://host.example/us/blob/v1/docs/a.md#b)'
    >>> for_index("![picture](a.png) [the page](docs/a.md)", "", "v1")
    ' the page'
    """

    def link(found: re.Match[str]) -> str:
        if not base:
            return "" if found["image"] else found["text"]
        kind = "raw" if found["image"] else "blob"
        return f"{found['image']}[{found['text']}]({base}/{kind}/{version}/{found['target']})"

    return _LINK.sub(link, text)
