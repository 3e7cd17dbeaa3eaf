"""TLS for the server on loopback: a new CA and its certificate, made by the program ``openssl``."""

from __future__ import annotations

import os
import shutil
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_cce_precheck import _programs
from pytest_cce_precheck.environment import environment_of_child
from pytest_cce_precheck.errors import ConfigurationError

_CONFIGURATION: Final = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = pytest-cce-precheck, simulated
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
_TIMEOUT: Final = 60.0
_KEY: Final = "-newkey rsa:2048 -nodes -sha256 -config openssl.cnf"
_SIGNED: Final = "-CA ca.pem -CAkey ca.key -set_serial 2 -sha256 -days 7 -extfile openssl.cnf -extensions server"
_COMMANDS: Final = (
    f"req -x509 {_KEY} -extensions ca -days 7 -keyout ca.key -out ca.pem",
    f"req {_KEY} -keyout server.key -out server.csr",
    f"x509 -req -in server.csr {_SIGNED} -out server.pem",
)


@dataclass(frozen=True)
class PrivateCa:
    """The file with the CA's certificate, for clients, and what the server needs."""

    file: Path
    context: ssl.SSLContext


@contextmanager
def private_ca() -> Iterator[PrivateCa]:
    """Make a CA and its certificate for 127.0.0.1 and localhost.

    The keys are deleted at once, the CA's file at the end of the block.

    Raises `ConfigurationError` if ``openssl`` is missing or fails.
    """
    program = shutil.which("openssl")
    if program is None:
        raise ConfigurationError("TLS needs the program openssl, which is not installed (or not in PATH)")
    with tempfile.TemporaryDirectory(prefix="cce-precheck-ca-") as ca_folder:
        with tempfile.TemporaryDirectory(prefix="cce-precheck-keys-") as keys_folder:
            folder = Path(keys_folder)
            (folder / "openssl.cnf").write_text(_CONFIGURATION, encoding="ascii")
            for command in _COMMANDS:
                _run(program, command, folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / "server.pem", folder / "server.key")
            file = Path(shutil.copy(folder / "ca.pem", ca_folder))
        yield PrivateCa(file, context)


def _run(program: str, command: str, folder: Path) -> None:
    environment = environment_of_child(os.environ, prefixes=("OPENSSL_",))
    ended = _programs.run([program, *command.split()], environment, timeout=_TIMEOUT, folder=folder)
    if ended.problem or ended.status:
        reason = ended.problem or ended.complaint.strip()[-400:]
        raise ConfigurationError(f"openssl {command.split()[0]} failed: {reason}")
