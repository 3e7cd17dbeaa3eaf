"""The vendor's Python client, which the extra ``[sdk]`` installs; importing it is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_cce_precheck.errors import ConfigurationError

try:
    from huaweicloudsdkcce import v3
    from huaweicloudsdkcore.auth.credentials import BasicCredentials
except ImportError:
    v3 = None

if TYPE_CHECKING:
    from pytest_cce_precheck.wire.credentials import Credentials


def vendor_client(endpoint: str, project_id: str, credentials: Credentials) -> Any:
    """Return huaweicloudsdkcce's ``CceClient``; raise `ConfigurationError` if the SDK or an access key is missing."""
    if v3 is None:
        raise ConfigurationError('cce_sdk_client needs the vendor\'s SDK: pip install "pytest-cce-precheck[sdk]"')
    if credentials.access_key is None or credentials.secret_key is None:
        raise ConfigurationError(
            "cce_sdk_client needs an access key: the SDK signs and takes no token; set HUAWEICLOUD_SDK_AK and _SK"
        )
    keys = BasicCredentials(credentials.access_key.reveal(), credentials.secret_key.reveal(), project_id)
    if credentials.security_token is not None:
        keys = keys.with_security_token(credentials.security_token.reveal())
    return v3.CceClient.new_builder().with_credentials(keys).with_endpoint(endpoint).build()
