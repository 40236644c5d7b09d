"""The parts list: valid, complete, the same each time, and refused where it would tell of other versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from desk.supply.lock import read_lock
from desk.supply.sbom import LOCK, main, make_sbom
from trader.errors import ConfigError

HASH = f"    --hash=sha256:{'0' * 64}\n"


@pytest.fixture(scope="module")
def text() -> str:
    return make_sbom()


@pytest.fixture(scope="module")
def sbom(text: str) -> dict[str, Any]:
    return dict(json.loads(text))


def test_list_is_valid_by_the_schema(text: str) -> None:
    """CycloneDX 1.6, strictly: no field that the schema does not know."""
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    broken = text.replace('"components"', '"parts"', 1)

    assert validator.validate_str(text) is None
    assert validator.validate_str(broken) is not None


def test_every_locked_package_is_a_part_with_all_its_hashes(sbom: dict[str, Any]) -> None:
    """And nothing else is."""
    listed = {
        (part["name"], part["version"]): {each["content"] for each in part["externalReferences"][0]["hashes"]}
        for part in sbom["components"]
    }

    assert {(pin.name, pin.version): set(pin.hashes) for pin in read_lock(LOCK)} == listed


def test_every_part_has_its_license_and_its_address(sbom: dict[str, Any]) -> None:
    """The address is a package URL, which names no index."""
    assert [] == [part["name"] for part in sbom["components"] if not part.get("licenses")]
    assert {f"pkg:pypi/{part['name']}@{part['version']}" for part in sbom["components"]} == {
        part["purl"] for part in sbom["components"]
    }


def test_dependencies_lead_from_the_layer_to_every_part(sbom: dict[str, Any]) -> None:
    """What nobody else wants is wanted by the layer itself; boto3 wants botocore."""
    wanted = {each["ref"]: set(each.get("dependsOn", ())) for each in sbom["dependencies"]}
    reached, left = set[str](), {sbom["metadata"]["component"]["bom-ref"]}
    while left:
        reached |= left
        left = set().union(*(wanted[each] for each in left)) - reached

    assert {part["bom-ref"] for part in sbom["components"]} == reached - {"trader-layer"}
    assert any(each.startswith("pkg:pypi/botocore@") for each in wanted["pkg:pypi/boto3@" + version_of("boto3")])


def version_of(name: str) -> str:
    return next(pin.version for pin in read_lock(LOCK) if pin.name == name)


def test_same_lock_gives_the_same_bytes(text: str) -> None:
    """Neither chance nor the clock is in it."""
    assert text == make_sbom()


def a_lock(folder: Path, *pins: str) -> Path:
    path = folder / "lock.txt"
    path.write_text("".join(f"{pin} \\\n{HASH}" for pin in pins), encoding="utf-8")
    return path


def test_other_lock_has_another_number(tmp_path: Path, sbom: dict[str, Any]) -> None:
    """A list of other parts is another list."""
    other = json.loads(make_sbom(a_lock(tmp_path, f"six=={version_of('six')}")))

    assert sbom["serialNumber"] != other["serialNumber"]
    assert ["six"] == [part["name"] for part in other["components"]]


def test_package_of_another_machine_is_no_part(tmp_path: Path) -> None:
    """The marker is asked about the target, not about this machine."""
    six = f"six=={version_of('six')}"
    lock = a_lock(tmp_path, six, "pywin32==1.0 ; sys_platform == 'win32'", "old==1.0 ; python_version < '3.13'")

    assert ["six"] == [part["name"] for part in json.loads(make_sbom(lock))["components"]]


def test_other_version_and_absent_package_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its license and its dependencies would be another's."""
    lock = a_lock(tmp_path, "six==0.1", "no-such-package==1.0")
    with pytest.raises(ConfigError) as refused:
        make_sbom(lock)

    ended = main([str(tmp_path / "sbom.json"), "--lock", str(lock)])

    assert 2 == len(refused.value.problems)
    assert (1, False) == (ended, (tmp_path / "sbom.json").exists())
    assert f"six: {version_of('six')} is installed here, 0.1 is locked" in capsys.readouterr().err


def test_command_writes_the_file_and_counts(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Into a folder that need not be there."""
    file = tmp_path / "new/sbom.json"

    ended = main([str(file)])

    assert (0, text) == (ended, file.read_text(encoding="utf-8"))
    assert f"sbom={file} components={len(read_lock(LOCK))}\n" == capsys.readouterr().out
