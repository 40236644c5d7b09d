"""The parts list of the layer (SBOM), as CycloneDX: what is locked, under what license, and what wants what.

``python -m desk.supply.sbom build/sbom.cdx.json`` reads the lock and, for licenses and dependencies, what is installed
here: the environment has the same versions as the layer, which tests/architecture/test_locks.py proves. No network; the
same lock gives the same bytes.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, License, LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from desk.supply.lock import LockedPackage, read_lock
from trader import __version__
from trader.errors import ConfigError
from trader.model.codec import sha256_hex

LOCK = Path(__file__).parents[3] / "layers/dependencies/requirements.txt"
#: What the layer is made for, in the words of markers; both architectures have the same parts.
TARGET = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "aarch64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.13.0",
    "python_version": "3.13",
    "sys_platform": "linux",
    "extra": "",
}
_TROVE = "License :: "
# A list that is made of the same lock is the same list, so it is dated as little as it is numbered by chance.
_EPOCH = datetime(1980, 1, 1, tzinfo=UTC)


def make_sbom(lock: Path = LOCK) -> str:
    """Write the parts list of a lock as CycloneDX 1.6 in JSON.

    Raises: ConfigError naming every package that is installed here in another version, or not at all.
    """
    pins = [pin for pin in read_lock(lock) if pin.is_for(TARGET)]
    installed = {pin.name: _find(pin) for pin in pins}
    if problems := tuple(told for told in installed.values() if isinstance(told, str)):
        raise ConfigError(problems)
    known = {name: found for name, found in installed.items() if not isinstance(found, str)}
    components = {pin.name: _describe(pin, known[pin.name]) for pin in pins}
    bom = Bom(components=components.values(), serial_number=_number(lock))
    bom.metadata.timestamp = _EPOCH
    bom.metadata.component = root = Component(
        name="trader-layer", version=__version__, type=ComponentType.APPLICATION, bom_ref="trader-layer"
    )
    wanted = {name: _list_wanted(found) & components.keys() for name, found in known.items()}
    for name, component in components.items():
        bom.register_dependency(component, [components[each] for each in sorted(wanted[name])])
    by_others = set().union(*wanted.values())
    bom.register_dependency(root, [components[name] for name in sorted(components.keys() - by_others)])
    return str(JsonV1Dot6(bom).output_as_string(indent=2)) + "\n"


def _number(lock: Path) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, sha256_hex(lock.read_text(encoding="utf-8")))


def _find(pin: LockedPackage) -> Distribution | str:
    """Find a locked package here; a sentence if it is another or none."""
    try:
        found = distribution(pin.name)
    except PackageNotFoundError:
        return f"sbom: {pin.name} {pin.version}: not installed here; make setup installs it"
    if found.version != pin.version:
        return f"sbom: {pin.name}: {found.version} is installed here, {pin.version} is locked; make setup"
    return found


def _describe(pin: LockedPackage, found: Distribution) -> Component:
    purl = PackageURL("pypi", name=pin.name, version=pin.version)
    # The hashes are those of files, of which the target takes one: none of them is the component's own.
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(purl)),
        comment="one of the files with these hashes",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in pin.hashes],
    )
    return Component(
        name=pin.name,
        version=pin.version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        description=_first(found, "Summary") or None,
        licenses=_list_licenses(found),
        external_references=[files],
    )


def _list_licenses(found: Distribution) -> list[License]:
    """List what a package says of its license: what SPDX knows, else everything that it says."""
    factory, declared = LicenseFactory(), LicenseAcknowledgement.DECLARED
    text = _first(found, "License-Expression") or _first(found, "License")
    # A field of many lines is the license itself.
    names = [text] if text and "\n" not in text else []
    for name in names:
        known: License = factory.make_from_string(name, license_acknowledgement=declared)
        if not isinstance(known, DisjunctiveLicense) or known.id:
            return [known]
    troves = [each for each in found.metadata.get_all("Classifier") or () if each.startswith(_TROVE)]
    names += sorted({each.split(" :: ")[-1] for each in troves} - set(names))
    return [factory.make_with_name(each, acknowledgement=declared) for each in names]


def _first(found: Distribution, field: str) -> str:
    return str((found.metadata.get_all(field) or [""])[0]).strip()


def _list_wanted(found: Distribution) -> set[str]:
    """List the names of the packages that one needs on the target."""
    wanted = map(Requirement, found.requires or ())
    return {canonicalize_name(each.name) for each in wanted if each.marker is None or each.marker.evaluate(TARGET)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the parts list into a file; print how many parts it has."""
    parser = argparse.ArgumentParser(prog="desk.supply.sbom", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--lock", type=Path, default=LOCK)
    given = parser.parse_args(arguments)
    try:
        text = make_sbom(given.lock)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        given.file.parent.mkdir(parents=True, exist_ok=True)
        given.file.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"sbom: {given.file}: {error.strerror}", file=sys.stderr)
        return 1
    parts = sum(pin.is_for(TARGET) for pin in read_lock(given.lock))
    print(f"sbom={given.file} components={parts}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
