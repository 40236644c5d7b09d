"""Turn a SAM template into a plain CloudFormation one, as AWS does when it is deployed.

A script for the interpreter of SAM's own environment, which has the translator: it pins versions the project does not
use. Template on standard input, CloudFormation as JSON on standard output; where code would be uploaded from stands
one object that is the same for all.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

_UPLOADED = ("CodeUri", "ContentUri")


def transform(text: str, artefact: str, region: str) -> Any:
    """Translate a template; *artefact* is the S3 address that stands for everything that would be uploaded."""
    document = importlib.import_module("samtranslator.yaml_helper").yaml_parse(text)
    for resource in document["Resources"].values():
        properties = resource.get("Properties", {})
        properties.update({key: artefact for key in _UPLOADED if key in properties})
    session = importlib.import_module("boto3").session.Session(region_name=region)
    parser = importlib.import_module("samtranslator.parser.parser").Parser()
    translator = importlib.import_module("samtranslator.translator.translator").Translator({}, parser, None, session)
    return translator.translate(document, parameter_values={})


if __name__ == "__main__":
    json.dump(transform(sys.stdin.read(), *sys.argv[1:3]), sys.stdout)
