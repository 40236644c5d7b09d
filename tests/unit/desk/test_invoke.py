"""How the function is invoked on this machine, SAM played by a script that writes down what it was told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from architecture.test_template import parsed
from desk import invoke
from desk.sandbox.sam_tool import find_sam, translate_template
from trader.errors import ConfigError

ENDPOINT = "http://10.0.0.1:5055"
TOLD = {"AWS_ENDPOINT_URL": ENDPOINT, "TRADER_TABLE": "table", "TRADER_SECRET": "secret"}
BUILT: dict[str, Any] = {
    "Resources": {
        invoke.FUNCTION: {"Properties": {"Environment": {"Variables": {"TRADER_TABLE": {"Ref": "StateTable"}}}}},
        "ConfigLayer": {"Properties": {"ContentUri": "ConfigLayer"}},
    }
}

#: A SAM that notes its arguments and its environment, says what it is given and ends as it is told.
_SAM = """#!{python}
import json, os, sys
with open(sys.argv[sys.argv.index("--event") + 1]) as file:
    event = json.load(file)
with open({noted!r}, "w") as file:
    json.dump({{"arguments": sys.argv[1:], "environment": dict(os.environ), "event": event}}, file)
sys.stderr.write("START\\n")
sys.stdout.write({says!r})
sys.exit({code})
"""


class Scene:
    """A built template, the sandbox's variables, an event, and a SAM."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._monkeypatch = folder, monkeypatch
        self.event, self.built, self.variables = (folder / name for name in ("event.json", "template.yaml", "env.json"))
        self._noted = folder / "noted.json"
        self.event.write_text('{"command": "status"}', encoding="utf-8")
        self.built.write_text(yaml.safe_dump(BUILT), encoding="utf-8")
        self.variables.write_text(json.dumps({invoke.FUNCTION: TOLD}), encoding="utf-8")

    def sam(self, says: str = "", code: int = 0) -> None:
        """From now on SAM says this."""
        file = self._folder / "sam"
        text = _SAM.format(python=sys.executable, noted=str(self._noted), says=says, code=code)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)
        self.name_sam(file)

    def name_sam(self, file: Path) -> None:
        """From now on SAM is there."""
        self._monkeypatch.setenv("SAM", str(file))

    def noted(self) -> Any:
        """What SAM was told."""
        return json.loads(self._noted.read_text(encoding="utf-8"))

    def docker(self, script: str) -> None:
        """From now on the command docker does this."""
        file = self._folder / "docker"
        file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        file.chmod(0o755)
        self._monkeypatch.setenv("PATH", f"{self._folder}:{os.environ['PATH']}")

    def paths(self) -> list[str]:
        """The options that name what was built, and the sandbox's variables."""
        return ["--built", str(self.built), "--env-vars", str(self.variables)]

    def by_sam(self, **more: Any) -> invoke.Invocation:
        return invoke.invoke_by_sam(self.event, self.built, self.variables, **more)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


# --- by SAM


def test_answer_is_the_last_line_of_json(scene: Scene) -> None:
    """Log lines of the function come before it, on either stream; all of them are kept."""
    scene.sam('{"level": "INFO"}\n{"outcome": "COMPLETED"}\nno json\n')

    invocation = scene.by_sam()

    assert (False, {"outcome": "COMPLETED"}) == (invocation.failed, invocation.answer)
    assert all(part in invocation.said for part in ("START", "INFO", "no json"))


@pytest.mark.parametrize(
    ("says", "code"),
    [('{"errorType": "MalformedData", "errorMessage": "no"}\n', 0), ("", 0), ('{"outcome": "COMPLETED"}\n', 1)],
    ids=["an error as the answer", "no answer", "an exit code"],
)
def test_failed_function_is_seen_although_sam_ends_with_0(scene: Scene, says: str, code: int) -> None:
    """Each alone is a failure."""
    scene.sam(says, code)

    assert scene.by_sam().failed


def test_sam_asks_the_sandbox_who_we_are_and_pulls_nothing(scene: Scene) -> None:
    """STS is asked before each invocation; the engine is the one that was named, the keys are nobody's."""
    scene.sam('"done"\n')

    scene.by_sam(docker_host="unix:///engine.sock")

    arguments, environment = scene.noted()["arguments"], scene.noted()["environment"]
    assert {
        "AWS_ENDPOINT_URL": ENDPOINT,
        "AWS_ACCESS_KEY_ID": "testing",
        "SAM_CLI_TELEMETRY": "0",
        "DOCKER_HOST": "unix:///engine.sock",
    }.items() <= environment.items()
    assert ["local", "invoke", invoke.FUNCTION] == arguments[:3]
    assert "--skip-pull-image" in arguments
    assert str(scene.event) == arguments[arguments.index("--event") + 1]
    assert f"Architecture={invoke.find_architecture()}" == arguments[arguments.index("--parameter-overrides") + 1]


def test_every_variable_is_declared_and_the_built_template_stays(scene: Scene) -> None:
    """SAM hands over declared variables only; what the template declares itself keeps its value."""
    scene.sam('"done"\n')

    scene.by_sam()

    arguments = scene.noted()["arguments"]
    used = yaml.safe_load(Path(arguments[arguments.index("--template-file") + 1]).read_text(encoding="utf-8"))
    declared = used["Resources"][invoke.FUNCTION]["Properties"]["Environment"]["Variables"]
    assert {"AWS_ENDPOINT_URL": "", "TRADER_SECRET": "", "TRADER_TABLE": {"Ref": "StateTable"}} == declared
    assert "ConfigLayer" == used["Resources"]["ConfigLayer"]["Properties"]["ContentUri"]
    assert BUILT == yaml.safe_load(scene.built.read_text(encoding="utf-8"))


def test_other_configuration_takes_the_place_of_the_layer(scene: Scene, tmp_path: Path) -> None:
    """The layer is the folder that holds it, as under /opt."""
    file = invoke.prepare_environment(scene.built, scene.variables, tmp_path / "layer/config")

    used = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert str(tmp_path / "layer") == used["Resources"]["ConfigLayer"]["Properties"]["ContentUri"]


def test_nothing_built_is_said_with_the_remedy(scene: Scene) -> None:
    """Not a traceback out of yaml."""
    scene.sam('"done"\n')
    scene.built.unlink()

    with pytest.raises(ConfigError, match=r"template\.yaml: not there; make build"):
        scene.by_sam()


@pytest.mark.parametrize(("says", "code"), [('{"outcome": "COMPLETED"}\n', 0), ('{"errorType": "Bug"}\n', 1)])
def test_command_prints_the_answer_and_ends_as_the_function_did(
    scene: Scene, capsys: pytest.CaptureFixture[str], says: str, code: int
) -> None:
    """A summary on standard output, an error on the other; SAM's own code is no guide."""
    scene.sam(says)

    ended = invoke.main(["--sam", str(scene.event), *scene.paths()])

    told = capsys.readouterr()
    assert code == ended
    assert says.strip() in (told.err if code else told.out)
    assert ("" == told.out) == bool(code)


def test_event_of_s3_invokes_the_publisher_with_its_own_variables(scene: Scene) -> None:
    """As the rule does on AWS; both functions' variables are declared."""
    built = {"Resources": {**BUILT["Resources"], invoke.PUBLISHER: {"Properties": {}}}}
    theirs = {"TRADER_EVENT_BUS": "bus", "AWS_ENDPOINT_URL": "http://10.0.0.2:1"}
    scene.built.write_text(yaml.safe_dump(built), encoding="utf-8")
    scene.variables.write_text(json.dumps({invoke.FUNCTION: TOLD, invoke.PUBLISHER: theirs}), encoding="utf-8")
    scene.event.write_text('{"source": "aws.s3"}', encoding="utf-8")
    scene.sam('"done"\n')

    scene.by_sam()

    noted = scene.noted()
    file = Path(noted["arguments"][noted["arguments"].index("--template-file") + 1])
    used = yaml.safe_load(file.read_text(encoding="utf-8"))["Resources"]
    assert ["local", "invoke", invoke.PUBLISHER] == noted["arguments"][:3]
    assert "http://10.0.0.2:1" == noted["environment"]["AWS_ENDPOINT_URL"]
    assert dict.fromkeys(theirs, "") == used[invoke.PUBLISHER]["Properties"]["Environment"]["Variables"]
    assert "TRADER_SECRET" in used[invoke.FUNCTION]["Properties"]["Environment"]["Variables"]


def test_publisher_that_the_sandbox_has_not_is_said_with_the_remedy(scene: Scene) -> None:
    """The stack is made without it unless somebody says so."""
    scene.event.write_text('{"source": "aws.s3"}', encoding="utf-8")
    scene.sam('"done"\n')

    with pytest.raises(ConfigError, match="no EventPublisher; the stack has it with DomainEvents=ENABLED"):
        scene.by_sam()


@pytest.mark.parametrize(
    ("event", "function"),
    [
        ({"source": "aws.s3"}, "EventPublisher"),
        ({"source": "aws.ssm"}, "TradingFunction"),
        ({"scheduled_time": "now"}, "TradingFunction"),
        ([], "TradingFunction"),
        (None, "TradingFunction"),
    ],
)
def test_function_follows_from_the_event(event: Any, function: str) -> None:
    """What S3 says is the publisher's; what nobody understands the trading function refuses."""
    assert function == invoke.find_function(event)


def test_sandbox_on_loopback_is_reached_by_a_passage_on_the_bridge(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bridge is found by itself, SAM is told the passage, and the sandbox's own file stays."""
    scene.sam('"done"\n')
    scene.docker('echo \'{"Subnet": "127.0.0.0/16", "Gateway": "127.0.0.2"}\'')
    told = {**TOLD, "AWS_ENDPOINT_URL": "http://127.0.0.1:5055"}
    scene.variables.write_text(json.dumps({invoke.FUNCTION: told}), encoding="utf-8")

    assert 0 == invoke.main(["--sam", str(scene.event), *scene.paths()])
    assert scene.noted()["environment"]["AWS_ENDPOINT_URL"].startswith("http://127.0.0.2:")
    assert told == json.loads(scene.variables.read_text(encoding="utf-8"))[invoke.FUNCTION]


@pytest.mark.parametrize("more", [["--check"], ["--now"]])
def test_what_to_type_is_said_where_a_container_cannot_reach_the_sandbox(
    scene: Scene, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    """In one line, before anything is built or invoked."""
    scene.docker("echo no engine >&2; exit 1")
    told = {**TOLD, "AWS_ENDPOINT_URL": "http://127.0.0.1:5055"}
    scene.variables.write_text(json.dumps({invoke.FUNCTION: told}), encoding="utf-8")

    assert 1 == invoke.main(["--sam", str(scene.event), *more, *scene.paths()])
    (line,) = capsys.readouterr().err.splitlines()
    assert f"Docker: no engine; without a container: make invoke-local EVENT={scene.event}" in line


@pytest.mark.parametrize("way", [["--sam"], ["--sam", "--check"], []])
def test_no_sandbox_is_said_with_the_remedy(
    scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, way: list[str]
) -> None:
    """By either way."""
    monkeypatch.delenv("TRADER_TABLE", raising=False)
    scene.variables.unlink()

    assert 1 == invoke.main([str(scene.event), "--now", *way, *scene.paths()])
    (line,) = capsys.readouterr().err.splitlines()
    assert "no sandbox is up" in line
    assert "make sandbox" in line


def test_event_that_is_not_there_is_named(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """As it was typed."""
    assert 1 == invoke.main(["--sam", "--now", "events/nothing.json", *scene.paths()])
    assert "EVENT=events/nothing.json" in capsys.readouterr().err


def test_recorded_event_happens_now(scene: Scene) -> None:
    """What SAM is given is moved, the file stays; without --now it is given the file."""
    scene.sam('"done"\n')
    scene.event.write_text('{"scheduled_time": "2026-11-22T10:15:00Z"}', encoding="utf-8")
    before = int(time.time())

    invoke.main(["--sam", "--now", str(scene.event), *scene.paths()])

    at = datetime.fromisoformat(scene.noted()["event"]["scheduled_time"]).timestamp()
    assert before <= at <= time.time()
    invoke.main(["--sam", str(scene.event), *scene.paths()])
    assert "2026-11-22T10:15:00Z" == scene.noted()["event"]["scheduled_time"]


# --- in a process


def test_process_takes_the_publisher_for_an_event_of_s3(scene: Scene) -> None:
    """It says what it lacks, which is not what the other lacks."""
    scene.event.write_text('{"source": "aws.s3"}', encoding="utf-8")

    invocation = invoke.invoke_by_process(scene.event, {"POWERTOOLS_SERVICE_NAME": "service"})

    assert invocation.failed
    assert "TRADER_EVENT_BUS: not set" in invocation.said


def test_sandbox_counts_more_than_what_the_shell_exports(scene: Scene) -> None:
    """A shell that looks at another stack, or has sourced env.sh, invokes against the sandbox all the same."""
    command = [sys.executable, "-m", "desk.invoke", "--now", str(scene.event), *scene.paths()]
    shell = {"TRADER_TABLE": "another", "TRADER_AUDIT_BUCKET": "another", "TRADER_KILL_SWITCH": "another"}

    done = subprocess.run(command, env=os.environ | shell, capture_output=True, text=True, check=False)

    assert 1 == done.returncode
    assert "TRADER_AUDIT_BUCKET: not set" in done.stderr
    assert "TRADER_TABLE" not in done.stderr


def test_process_is_told_the_variables_and_nothing_of_ours(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in our own environment must not make an invocation succeed: of four names one is told."""
    for name in ("TRADER_TABLE", "TRADER_AUDIT_BUCKET", "TRADER_KILL_SWITCH"):
        monkeypatch.setenv(name, "ours")

    invocation = invoke.invoke_by_process(scene.event, {"TRADER_TABLE": "table", "POWERTOOLS_SERVICE_NAME": "service"})

    missing = [
        name for name in ("CONFIG_DIR", "TABLE", "AUDIT_BUCKET", "KILL_SWITCH") if f"{name}: not" in invocation.said
    ]
    assert invocation.failed
    assert ["AUDIT_BUCKET", "KILL_SWITCH"] == missing


def test_process_that_refuses_an_event_has_failed(scene: Scene) -> None:
    """The error is in what it said."""
    scene.event.write_text('{"command": "explode"}', encoding="utf-8")

    invocation = invoke.invoke_by_process(scene.event, {"POWERTOOLS_SERVICE_NAME": "service"})

    assert invocation.failed
    assert "MalformedData: command: 'explode'" in invocation.said


def test_context_counts_down_from_the_template_s_timeout() -> None:
    """That of the period it is shipped with, less what has passed."""
    template = parsed()
    period = str(template["Parameters"]["PeriodMinutes"]["Default"])
    time_out = 1000 * template["Mappings"]["Period"][period]["Timeout"]
    began = time.monotonic()
    fresh, late = invoke.Context(), invoke.Context(ends=began + 1)

    left = fresh.get_remaining_time_in_millis(), late.get_remaining_time_in_millis()

    passed = 1000 * (time.monotonic() - began) + 1
    assert time_out - passed <= left[0] <= time_out
    assert 1_000 - passed <= left[1] <= 1_000


# --- where SAM is


def test_named_sam_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else there is."""
    monkeypatch.setenv("SAM", "/somewhere/sam")

    assert Path("/somewhere/sam") == find_sam()


def a_sam_whose_interpreter(does: str, folder: Path) -> Path:
    """A command whose first line names an interpreter, as a console script's does."""
    interpreter, sam = folder / "interpreter", folder / "sam"
    interpreter.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
    interpreter.chmod(0o755)
    sam.write_text(f"#!{interpreter}\n", encoding="utf-8")
    return sam


def test_template_that_cannot_be_translated_is_named(scene: Scene, tmp_path: Path) -> None:
    """With what the translator said."""
    scene.name_sam(a_sam_whose_interpreter("echo 'Resources is missing' >&2; exit 1", tmp_path))

    with pytest.raises(ConfigError, match=r"template\.yaml cannot be translated: Resources is missing"):
        translate_template(scene.built, "s3://bucket/key", "us-east-1")


def test_translator_is_given_the_template_and_its_answer_is_read(scene: Scene, tmp_path: Path) -> None:
    """SAM's own interpreter runs our script, with the address and the region; here one that says what it got."""
    does = """printf '{"script": "%s", "artefact": "%s", "region": "%s", "lines": %d}' "$@" $(wc -l)"""
    scene.name_sam(a_sam_whose_interpreter(does, tmp_path))

    answer = translate_template(scene.built, "s3://bucket/key", "us-east-1")

    lines = scene.built.read_text(encoding="utf-8").count("\n")
    assert answer["script"].endswith("/sam_transform.py")
    assert ("s3://bucket/key", "us-east-1", lines) == (answer["artefact"], answer["region"], answer["lines"])
