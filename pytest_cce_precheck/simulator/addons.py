"""The simulated add-ons: their versions, and the risks that tasks check for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pytest_cce_precheck.wire.vocabulary import RiskLevel


@dataclass(frozen=True, slots=True)
class RiskKind:
    """A risk that tasks check, with its message if it is found and if it is not."""

    name: str
    level: RiskLevel
    found: str
    clear: str


_WARNING, _FATAL = RiskLevel.WARNING, RiskLevel.FATAL
_CHANGED: Final = "configmap coredns had been modified; set parameterSyncStrategy to force or to inherit"
_COMMON: Final = (
    RiskKind("K8sResourceModified", _WARNING, "resources of the add-on had been modified by hand", "no change"),
    RiskKind("AddonValidate", _FATAL, "the recorded values of the add-on are not valid", "the values are valid"),
    RiskKind("AddonStatus", _WARNING, "addon status(abnormal) is not running", "addon status is running"),
)
_SPECIAL: Final = {
    "coredns": RiskKind("CorefileConsistency", _FATAL, _CHANGED, "corefile is consistent"),
    "everest": RiskKind("StorageInUse", _FATAL, "volume attachments are pending – 存储卷挂载中", "no pending volume"),
    "metrics-server": RiskKind("MetricsAPI", _WARNING, "apiservice v1beta1.metrics.k8s.io is down", "API is up"),
    "npd": RiskKind("NodeCondition", _WARNING, "a node reports DiskPressure", "all nodes are ready"),
}
VERSIONS: Final = {
    "coredns": ("1.27.1", "1.28.4", "1.30.6"),
    "everest": ("2.3.14", "2.4.28", "2.4.93"),
    "metrics-server": ("1.3.10", "1.3.37"),
    "npd": ("1.18.10", "1.18.46", "1.19.1"),
    "cluster-autoscaler": ("1.27.53", "1.28.17"),
    "nginx-ingress": ("2.4.6", "2.6.32"),
    "volcano": ("1.11.9", "1.12.18"),
    "dolphin": ("1.2.2", "1.3.10"),
}
"""The versions of each add-on template."""


def risks_of(template: str) -> tuple[RiskKind, ...]:
    """Return the risks that a task of an add-on template checks."""
    special = _SPECIAL.get(template)
    return (*_COMMON, special) if special else _COMMON
