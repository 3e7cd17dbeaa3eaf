"""The three sample programs of the vendor's page of the call, run as they are on the page.

`tests/data/vendor_samples` has them word for word. Their placeholders are filled in. The Go sample lacks an import.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.sdk.case import PROJECT_ID
from pytest_cce_precheck.sdk.cases import find_case
from pytest_cce_precheck.sdk.corpus import Corpus, corpus_server
from tests.sdk.fakes import CREDENTIALS
from tests.sdk.programs import LANGUAGES, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.sdk.case import Case

SAMPLES: Final = Path(__file__).parent.parent / "data" / "vendor_samples"
# a region of the vendor's page of endpoints; the SDKs read its endpoint from this variable
REGION, VARIABLE = "cn-north-4", "HUAWEICLOUD_SDK_REGION_CCE_CN_NORTH_4"


def sample(language: str, case: Case) -> str:
    text = (SAMPLES / f"{language}.txt").read_text(encoding="utf-8")
    if language == "go":
        # the page's text calls os.Getenv and does not import os: it does not compile without this line
        text = text.replace('import (\n\t"fmt"\n', 'import (\n\t"fmt"\n\t"os"\n')
    for placeholder, value in (
        ("{project_id}", PROJECT_ID),
        ("{cluster_id}", case.cluster_id),
        ("<YOUR REGION>", REGION),
    ):
        assert placeholder in text
        text = text.replace(placeholder, value)
    return text


def printed_by(language: str, name: str, folder: Path) -> str:
    case = find_case(name)
    keys = {"CLOUD_SDK_AK": CREDENTIALS.access_key, "CLOUD_SDK_SK": CREDENTIALS.secret_key}
    corpus = Corpus([case], CREDENTIALS)
    command = LANGUAGES[language](folder, sample(language, case))
    with corpus_server(corpus) as server:
        variables = {name: secret.reveal() for name, secret in keys.items() if secret}
        variables[VARIABLE] = server.endpoint
        ran = subprocess.run(
            command,
            cwd=folder,
            env=environment(variables),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
    assert corpus.count == 1, ran.stderr
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def leaves(document: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(document, dict):
        for field, value in document.items():
            yield from leaves(value, field)
    elif isinstance(document, list):
        for element in document:
            yield from leaves(element, name)
    else:
        yield name, str(document)


def served_leaves(name: str) -> list[tuple[str, str]]:
    return sorted(leaves(find_case(name).document))


@pytest.mark.parametrize("name", ["every-field", "message-unicode"])
def test_the_python_sample_prints_what_was_served(tmp_path: Path, name: str) -> None:
    assert json.loads(printed_by("python", name, tmp_path)) == find_case(name).document


@pytest.mark.parametrize("name", ["every-field", "message-unicode"])
def test_the_go_sample_prints_what_was_served(tmp_path: Path, name: str) -> None:
    head, _, text = printed_by("go", name, tmp_path).partition(" ")
    assert head == "ListAddonPrecheckTasksResponse"
    assert json.loads(text) == find_case(name).document


@pytest.mark.parametrize("name", ["every-field", "message-unicode"])
def test_the_java_sample_prints_what_was_served(tmp_path: Path, name: str) -> None:
    printed = printed_by("java", name, tmp_path)
    assert printed.startswith("class ListAddonPrecheckTasksResponse {\n    kind: AddonCheck\n")
    fields = re.findall(r"^ +(\w+): (?!class |\[class )(.*)$", printed, re.MULTILINE)
    assert sorted(fields) == served_leaves(name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_is_printed_with_its_code_and_request_id(tmp_path: Path, language: str) -> None:
    expect = find_case("error-403-cce").expect
    printed = printed_by(language, "error-403-cce", tmp_path)
    for part in (str(expect.status), expect.code, expect.message, expect.request_ids[0]):
        assert part is not None
        assert part in printed
