"""What a commit is held to, and what never becomes part of one."""

import re
import subprocess

import pytest
import yaml

from architecture.tree import ROOT


def ignored(paths: list[str]) -> list[str]:
    """Those of the paths that git would leave out."""
    found = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"],
        cwd=ROOT,
        check=False,
        input="\n".join(paths),
        capture_output=True,
        text=True,
    )
    return found.stdout.split("\n")[:-1]


def recipes(makefile: str, target: str) -> list[str]:
    """The commands of one target, with the variables that it uses put in."""
    variables = dict(re.findall(r"^(\w+) \??:?= (.*)$", makefile, re.MULTILINE))
    body = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert body is not None
    return [re.sub(r"\$\((\w+)\)", lambda name: variables[name[1]], line.strip()) for line in body[1].splitlines()]


def test_hooks_are_the_words_of_make_check() -> None:
    """In the same order, so that a commit that passes here passes there."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]

    assert recipes(makefile, "lint") + recipes(makefile, "check") == [hook["entry"] for hook in hooks]
    assert {("system", False, True)} == {
        (hook["language"], hook["pass_filenames"], hook["always_run"]) for hook in hooks
    }


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        ".env.live",
        "cdp_api_key.json",
        "cdp_api_key (1).json",
        "coinbase_cloud_api_key.json",
        "credentials.json",
        "ec.pem",
        "ed25519.key",
        "key.json",
        "key-2026.json",
        "secret.json",
        "secrets-live.json",
        "signing.p8",
        "store.p12",
        "store.pfx",
    ],
)
def test_key_file_is_ignored_in_any_folder(name: str) -> None:
    """At the top, beside the configuration, and in a folder that nobody has thought of."""
    paths = [name, f"config/{name}", f"somewhere/else/{name}"]

    assert paths == ignored(paths)


def test_what_the_docs_make_people_write_is_ignored() -> None:
    """State, audit, sandbox, and the output files of the commands in docs."""
    paths = [
        ".trader/run-1/kill-switch",
        "var/sandbox/env.sh",
        "status.json",
        "versions.json",
        "candles/BTC-USD-15m.csv.gz",
    ]

    assert paths == ignored(paths)


def test_nothing_committed_is_ignored() -> None:
    """A pattern that is too wide would drop the next file of its kind without a word."""
    found = subprocess.run(
        ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )

    assert "" == found.stdout
