"""Write docs/samples.json: for each code what a run prints about a fault that shows it, in both languages.

``python docs/samples.py`` takes a minute. Run it when codes, faults or messages change; `docs/generate.py` puts what it
wrote on the page of codes.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from pytest_cce_precheck import InProcessTransport, PrecheckClient, Simulator
from pytest_cce_precheck.config.options import Language
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.text import describe
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.suite.checks import inspect
from pytest_cce_precheck.suite.inspection import Inspection
from pytest_cce_precheck.suite.run_settings import Neighbours, Settings

if TYPE_CHECKING:
    from pytest_cce_precheck.contract.findings import Finding

FILE: Final = Path(__file__).with_name("samples.json")
LONGEST: Final = 160
# a curl line is long, and what follows it is on the page already
LEFT_OUT: Final = re.compile(r"^  (repeat|contract|deviation|open|remedy|more|说明|复现|依据|处理|更多) ")


def sample(code: str) -> dict[str, str] | None:
    """Return what a run prints about the first fault that shows a code, by language; None if no fault does."""
    named = [fault.name for fault in FAULTS.values() if code in fault.codes]
    for name in sorted(named, key=lambda name: FAULTS[name].codes.index(code)):
        service = Simulator(faults=[name])
        place = {"project_id": service.project_id, "cluster_id": service.cluster_id}
        client = PrecheckClient(
            InProcessTransport(service), endpoint=service.endpoint, credentials=service.credentials, **place
        )
        others = Neighbours(service.other_cluster_id, service.foreign_project_id, service.foreign_cluster_id)
        settings = Settings(
            250, 0, allow_writes=True, allow_destructive=True, neighbours=others, wait=service.clock.advance
        )
        findings = inspect(Inspection(client, settings)).results.findings
        found = [finding for finding in findings if finding.code == code]
        if found:
            return {language: _shown(found[0], language) for language in get_args(Language)}
    return None


def _shown(finding: Finding, language: Language) -> str:
    text = describe([finding], Redactor(()), kind="token", language=language)
    lines = [line for line in text.splitlines() if not LEFT_OUT.match(line)]
    short = "\n".join(f"{line[:LONGEST]}…" if len(line) > LONGEST else line for line in lines)
    return re.sub(r"(in|耗时) \d+ (?=(ms|毫秒)$)", r"\1 1 ", short, flags=re.MULTILINE)


def main() -> int:
    """Write the file."""
    found = {code: text for code in rules() if (text := sample(code))}
    FILE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(f"{FILE.name}: {len(found)} of {len(rules())} codes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
