"""The template keeps what the design promises. Each promise is a function from a template to what breaks it."""

import copy
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml

from architecture.tree import ROOT
from desk.rollback import ALIAS
from trader.adapters.config.files import load_settings
from trader.cycle.run_time import LEASE_MARGIN_SECONDS
from trader.entry.events import RunTick, SwitchChanged, parse_event
from trader.model.ids import Instant
from trader.model.trading_state import TradingState
from trader.settings.app import Mode

Template = dict[str, Any]
Promise = Callable[[Template], list[str]]

CALLS = {
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:Query",
    "s3:GetObject",
    "s3:PutObject",
    "secretsmanager:GetSecretValue",
    "ssm:GetParameter",
}
ENVIRONMENT = {
    "TRADER_CONFIG_DIR",
    "TRADER_MODE",
    "TRADER_LOG_LEVEL",
    "TRADER_TABLE",
    "TRADER_AUDIT_BUCKET",
    "TRADER_KILL_SWITCH",
    "TRADER_SECRET",
    "TRADER_KEY_PARAMETER",
    "TRADER_LIVE_CONFIRMED",
    "TRADER_VENUE_URL",
    "POWERTOOLS_SERVICE_NAME",
    "POWERTOOLS_METRICS_NAMESPACE",
}
METRICS = {"Heartbeat", "LedgerBytes", "Exposed", "Attention"}
#: The four alarms: what each looks at, and what it makes of silence.
ALARMED: dict[str, tuple[tuple[str, str], str]] = {
    "HeartbeatAlarm": (("Trader", "Heartbeat"), "breaching"),
    "ExposedAlarm": (("Trader", "Exposed"), "ignore"),
    "AttentionAlarm": (("Trader", "Attention"), "ignore"),
    "ErrorsAlarm": (("AWS/SQS", "NumberOfMessagesSent"), "notBreaching"),
}
#: What CloudWatch takes of an alarm's description. Units: characters.
DESCRIPTION_MAX = 1024
#: What IAM can limit to no resource.
OF_NO_RESOURCE = {("ViewerPolicy", "cloudwatch:GetMetricData")}
NOTHING = {"Ref": "AWS::NoValue"}
KEY_PARAMETER = "/trader/${AWS::StackName}/api-key"
ALIAS_REFERENCE = {"Ref": "TradingFunction.Alias"}


class _Loader(yaml.SafeLoader):
    """Reads the short forms of CloudFormation's functions as the long ones."""


def _function(loader: yaml.Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        value = value.split(".", 1) if name == "GetAtt" else value
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _function)


def parsed() -> Template:
    return yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Loader=_Loader)


def properties(template: Template, name: str) -> dict[str, Any]:
    return template["Resources"][name]["Properties"]


def of_type(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    return {name: found for name, found in template["Resources"].items() if found["Type"] == kind}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement that grants an identity something, with the resource it stands in."""
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for policy in role["Properties"]["Policies"]:
            yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for name, policy in of_type(template, kind).items():
            yield from ((name, statement) for statement in policy["Properties"]["PolicyDocument"]["Statement"])


# --- promises ----------------------------------------------------------------------------------------------------


def grants_name_what_they_grant(template: Template) -> list[str]:
    """No action with a star, no resource that is everything, no policy that somebody else wrote."""
    found = []
    for name, statement in statements(template):
        found += [f"{name}: {action}" for action in listed(statement["Action"]) if "*" in action]
        if not {(name, action) for action in listed(statement["Action"])} <= OF_NO_RESOURCE:
            found += [f"{name}: on {target}" for target in listed(statement["Resource"]) if isinstance(target, str)]
        found += [f"{name}: NotAction or NotResource" for word in ("NotAction", "NotResource") if word in statement]
    roles = of_type(template, "AWS::IAM::Role").items()
    found += [f"{name}: managed policies" for name, role in roles if "ManagedPolicyArns" in role["Properties"]]
    function = properties(template, "TradingFunction")
    return found + [f"TradingFunction: {word}" for word in ("Policies",) if word in function]


def the_function_may_do_what_it_does(template: Template) -> list[str]:
    """What its code calls, the log and the lost events that Lambda writes for it, and no more."""
    granted = {
        action
        for name, statement in statements(template)
        if name in {"FunctionRole", "KeyPolicy", "VenuePolicy"}
        for action in listed(statement["Action"])
    }
    other_store = [statement["Action"] for name, statement in statements(template) if name == "KeyParameterPolicy"]
    found = [] if other_store == ["ssm:GetParameter"] else ["KeyParameterPolicy"]
    return found + sorted(granted ^ (CALLS | {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}))


def the_key_is_for_live_only(template: Template) -> list[str]:
    """It has one store; neither that, nor the grant, nor its name exists in another mode, or for the other store."""
    resources, conditions = template["Resources"], template["Conditions"]
    kept = {"ApiSecret": "KeepsSecret", "KeyPolicy": "KeepsSecret", "KeyParameterPolicy": "KeepsParameter"}
    found = [name for name, condition in kept.items() if resources[name].get("Condition") != condition]
    readers = {
        name
        for name, statement in statements(template)
        if "secretsmanager:" in str(statement["Action"]) or "api-key" in str(statement["Resource"])
    }
    named = properties(template, "TradingFunction")["Environment"]["Variables"]
    wanted = {
        "TRADER_SECRET": ["KeepsSecret", {"Ref": "ApiSecret"}, NOTHING],
        "TRADER_KEY_PARAMETER": ["KeepsParameter", {"Fn::Sub": KEY_PARAMETER}, NOTHING],
    }
    found += [name for name, value in wanted.items() if named[name] != {"Fn::If": value}]
    of_live = {
        "IsLive": {"Fn::Equals": [{"Ref": "Mode"}, "LIVE"]},
        "KeepsSecret": {"Fn::And": [{"Condition": "IsLive"}, _stored("SECRETS_MANAGER")]},
        "KeepsParameter": {"Fn::And": [{"Condition": "IsLive"}, _stored("PARAMETER_STORE")]},
    }
    found += [name for name, value in of_live.items() if conditions[name] != value]
    if template["Parameters"]["KeyStore"]["AllowedValues"] != ["SECRETS_MANAGER", "PARAMETER_STORE"]:
        found.append("KeyStore")
    on = properties(template, "KeyParameterPolicy")["PolicyDocument"]["Statement"][0]["Resource"]["Fn::Sub"]
    if on != "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter" + KEY_PARAMETER:
        found.append("KeyParameterPolicy on another parameter")
    return found + sorted(readers - {"KeyPolicy", "KeyParameterPolicy"})


def _stored(where: str) -> dict[str, Any]:
    return {"Fn::Equals": [{"Ref": "KeyStore"}, where]}


def only_paper_looks_old_trades_up(template: Template) -> list[str]:
    """A venue that is real keeps its own; a person who may look looks whatever the mode is."""
    found = [name for name in ("VenuePolicy",) if template["Resources"][name].get("Condition") != "IsPaper"]
    if template["Conditions"]["IsPaper"] != {"Fn::Equals": [{"Ref": "Mode"}, "PAPER"]}:
        found.append("IsPaper")
    readers = {name for name, statement in statements(template) if "dynamodb:Query" in listed(statement["Action"])}
    return found + sorted(readers ^ {"VenuePolicy", "ViewerPolicy"})


def what_fails_is_tried_once_more(template: Template) -> list[str]:
    """Two attempts for every event, within a quarter of an hour; one that was never delivered is kept.

    Except for a look between the ticks: nothing can be learned from it afterwards.
    """
    function = properties(template, "TradingFunction")
    waits, tick = function["EventInvokeConfig"], function["Events"]["Tick"]["Properties"]
    found = []
    if waits["MaximumRetryAttempts"] != 1:
        found.append("two attempts")
    if waits["MaximumEventAgeInSeconds"] != 900:
        found.append("900 seconds")
    # A switch change may find a run that has just begun.
    if waits["MaximumEventAgeInSeconds"] <= max(row["Timeout"] for row in template["Mappings"]["Period"].values()):
        found.append("an event may wait for less than a run takes")
    if tick["RetryPolicy"]["MaximumRetryAttempts"] != 0:
        found.append("Tick retries")
    queue = {"Arn": {"Fn::GetAtt": ["LostEvents", "Arn"]}}
    if waits["DestinationConfig"]["OnFailure"] != {"Type": "SQS", "Destination": queue["Arn"]}:
        found.append("what is given up is lost")
    for name, event in function["Events"].items():
        if event["Properties"].get("DeadLetterConfig") != (None if name == "Watch" else queue):
            found.append(f"{name}: dead-letter queue")
    rules = [name for name, event in function["Events"].items() if event["Type"] == "EventBridgeRule"]
    sends, *_ = properties(template, "LostEventsPolicy")["PolicyDocument"]["Statement"]
    senders = sends["Condition"]["ArnEquals"]["aws:SourceArn"]
    publisher = {"Fn::If": ["HasDomainEvents", {"Fn::GetAtt": ["EventPublisherRecordWritten", "Arn"]}, NOTHING]}
    if senders != [*({"Fn::GetAtt": [f"TradingFunction{name}", "Arn"]} for name in rules), publisher]:
        found.append("the queue takes from each rule and from nobody else")
    if function["ReservedConcurrentExecutions"] != {"Fn::If": ["ReservesConcurrency", 1, NOTHING]}:
        found.append("ReservedConcurrentExecutions")
    return found


#: What is no part of a version: it may change without another one.
OF_THE_FUNCTION = {
    "AutoPublishAlias",
    "EventInvokeConfig",
    "Events",
    "ReservedConcurrentExecutions",
    "VersionDescription",
}


def what_is_woken_is_a_version(template: Template) -> list[str]:
    """An alias to a version is woken; whatever a version consists of, a parameter's value too, makes another one."""
    resource = template["Resources"]["TradingFunction"]
    function = resource["Properties"]
    kept = {
        "an alias of the name that rolling back moves": function.get("AutoPublishAlias") == ALIAS,
        "another version for each property": function.get("AutoPublishAliasAllProperties") is True,
        "versions that were replaced": resource.get("UpdateReplacePolicy") == "Retain",
        "versions that were left": "DeletionPolicy" not in resource,
        "an output to invoke": template["Outputs"]["FunctionAlias"]["Value"] == ALIAS_REFERENCE,
    }
    for layer in function["Layers"]:
        kept[layer["Ref"]] = properties(template, layer["Ref"]).get("PublishLambdaVersion") is True
    used = parameters_in({key: value for key, value in function.items() if key not in OF_THE_FUNCTION}, template)
    described = set(re.findall(r"\$\{(\w+)\}", function["VersionDescription"]["Fn::Sub"]))
    wake = [statement for _, statement in statements(template) if statement["Action"] == "lambda:InvokeFunction"]
    kept["who may wake it"] = [each["Resource"] for each in wake] == [ALIAS_REFERENCE]
    return [what for what, holds in kept.items() if not holds] + sorted(used ^ described)


def parameters_in(value: Any, template: Template) -> set[str]:
    """Every parameter that a value depends on, be it through a condition."""
    if isinstance(value, list):
        return set().union(*(parameters_in(each, template) for each in value))
    if not isinstance(value, dict):
        return set()
    found = {value["Ref"]} & template["Parameters"].keys() if "Ref" in value else set()
    for named in (value.get("Fn::If", [None])[0], value.get("Condition")):
        found |= parameters_in(template["Conditions"][named], template) if isinstance(named, str) else set()
    return found | set().union(*(parameters_in(each, template) for each in value.values()))


def a_cycle_ends_before_the_next(template: Template) -> list[str]:
    """However late the schedule wakes a run, it is over, and its lease with it, before the next; the periods agree."""
    cycle = load_settings(ROOT / "config", {}).settings.cycle
    period, mapped = template["Parameters"]["PeriodMinutes"], template["Mappings"]["Period"]
    found = []
    if properties(template, "TradingFunction")["Timeout"] != _mapped("Timeout"):
        found.append("the function's time-out is not the mapped one")
    for minutes, row in mapped.items():
        seconds = replace(cycle, period_seconds=int(minutes) * 60).run_seconds
        if row["Timeout"] != seconds:
            found.append(f"{minutes} minutes: time-out {row['Timeout']}, the settings say {seconds}")
        late = [late for late in range(60) if late + row["Timeout"] + LEASE_MARGIN_SECONDS >= int(minutes) * 60]
        found += [f"{minutes} minutes: {late[0]} s late it holds the lease at the next tick"] if late else []
    if int(period["Default"]) * 60 != cycle.period_seconds:
        found.append(f"PeriodMinutes {period['Default']}, cycle.period_seconds {cycle.period_seconds}")
    seconds = {minutes: row["Seconds"] for minutes, row in mapped.items()}
    if seconds != {minutes: int(minutes) * 60 for minutes in period["AllowedValues"]}:
        found.append("the mapping from minutes to seconds")
    return found


def books_are_kept(template: Template) -> list[str]:
    """The table cannot be deleted by mistake, can be put back to any second, and forgets no ledger."""
    table, resource = properties(template, "StateTable"), template["Resources"]["StateTable"]
    protection = next(iter(of_type(template, "Custom::TableProtection").values()), {}).get("Properties", {})
    stores = ("state_store", "table")
    store = "".join((ROOT / f"src/trader/adapters/aws/{name}.py").read_text(encoding="utf-8") for name in stores)
    kept = {
        "deletion protection": protection.get("TableName") == {"Ref": "StateTable"},
        "protected by its function": protection.get("ServiceToken") == {"Fn::GetAtt": ["TableGuard", "Arn"]},
        "takes back what was never used": "DeletionProtectionEnabled" not in table,
        "point in time": table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True,
        "encryption": table["SSESpecification"]["SSEEnabled"] is True,
        "on demand": table["BillingMode"] == "PAY_PER_REQUEST",
        "keys": [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk"],
        "retained": _is_retained(resource),
        "time to live": not re.search(rf"\b{table['TimeToLiveSpecification']['AttributeName']}\b", store),
    }
    return [what for what, holds in kept.items() if not holds]


def records_are_kept_and_private(template: Template) -> list[str]:
    """Versioned, encrypted, closed to the public, over TLS only, and lockable."""
    bucket, resource = properties(template, "AuditBucket"), template["Resources"]["AuditBucket"]
    policy = properties(template, "AuditBucketPolicy")["PolicyDocument"]["Statement"]
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    whole = [{"Fn::GetAtt": ["AuditBucket", "Arn"]}, {"Fn::Sub": "${AuditBucket.Arn}/*"}]
    tls_only = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": whole, "Condition": insecure}
    kept = {
        "versions": bucket["VersioningConfiguration"]["Status"] == "Enabled",
        "encryption": bool(bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]),
        "public": list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4,
        "lifecycle": {rule["Status"] for rule in bucket["LifecycleConfiguration"]["Rules"]} == {"Enabled"},
        "retained": _is_retained(resource),
        "TLS only": any(tls_only.items() <= statement.items() for statement in policy),
        "policy's bucket": properties(template, "AuditBucketPolicy")["Bucket"] == {"Ref": "AuditBucket"},
        "lock": bucket["ObjectLockEnabled"] == {"Fn::If": ["LocksAudit", True, NOTHING]},
    }
    return [what for what, holds in kept.items() if not holds]


def what_is_kept_is_taken_back_at_first(template: Template) -> list[str]:
    """Key, books and records stay where they are when the stack goes; a first deployment that fails leaves none."""
    kept = {
        name: resource
        for name, resource in template["Resources"].items()
        if {resource.get("DeletionPolicy", "Delete"), resource.get("UpdateReplacePolicy", "Delete")} != {"Delete"}
        and name != "TradingFunction"
    }
    return sorted({"ApiSecret", "StateTable", "AuditBucket"} - kept.keys()) + [
        name for name, resource in kept.items() if not _is_retained(resource)
    ]


def _is_retained(resource: dict[str, Any]) -> bool:
    # Except from the very operation that made it: a first deployment that fails leaves nothing behind.
    return (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")) == ("RetainExceptOnCreate", "Retain")


def live_is_deliberate(template: Template) -> list[str]:
    """LIVE is refused unless it is confirmed, halted at first, pointed at the venue itself, and heard by somebody."""
    live = {"Mode": "LIVE", "LiveTradingConfirmed": "yes", "InitialSwitch": "HALT", "AlarmEmail": "me@example.org"}
    refused = [
        {"LiveTradingConfirmed": "no"},
        {"InitialSwitch": "RUN"},
        {"VenueUrl": "http://127.0.0.1:1"},
        {"AlarmEmail": ""},
    ]
    found = [f"{change} is let through" for change in refused if not refusals(template, {**live, **change})]
    hook = {"AlarmEmail": "", "AlarmWebhook": "https://example.org/hook"}
    allowed = [{}, {"Mode": "DRY_RUN"}, {"Mode": "PAPER"}, live, live | hook]
    return found + [f"{chosen} is refused" for chosen in allowed if refusals(template, chosen)]


def modes_are_those_of_the_code(template: Template) -> list[str]:
    """The same words, DRY_RUN and "no" unless somebody says otherwise."""
    mode, confirmed = template["Parameters"]["Mode"], template["Parameters"]["LiveTradingConfirmed"]
    found = [] if set(mode["AllowedValues"]) == set(Mode) and mode["Default"] == "DRY_RUN" else ["Mode"]
    return found + ([] if confirmed["Default"] == "no" else ["LiveTradingConfirmed"])


def the_environment_is_complete(template: Template) -> list[str]:
    """Each variable that the function reads is set, and no other; none of them twice under two names."""
    variables = properties(template, "TradingFunction")["Environment"]["Variables"]
    found = sorted(set(variables) ^ ENVIRONMENT)
    names = {
        "TRADER_TABLE": "StateTable",
        "TRADER_AUDIT_BUCKET": "AuditBucket",
        "TRADER_KILL_SWITCH": "SwitchParameter",
    }
    return found + [name for name, target in names.items() if variables.get(name) != {"Ref": target}]


def the_switch_takes_its_words_only(template: Template) -> list[str]:
    """The four words and no other, in a parameter whose change invokes the function."""
    switch = properties(template, "SwitchParameter")["Parameter"]
    words = template["Parameters"]["InitialSwitch"]["AllowedValues"]
    found = [word for word in TradingState if not re.search(switch["AllowedPattern"], word)]
    found += [word for word in ("", "run", "RUNNING", "RUN ", "GO") if re.search(switch["AllowedPattern"], word)]
    found += [] if set(words) == set(TradingState) else ["InitialSwitch"]
    event = json.loads((ROOT / "events/kill-switch-changed.json").read_text(encoding="utf-8"))
    pattern = properties(template, "TradingFunction")["Events"]["KillSwitchChanged"]["Properties"]["Pattern"]
    rule = json.loads(re.sub(r'\{"Fn::Sub": ("[^"]*")\}', r"\1", json.dumps(pattern)))
    name = switch["Name"]["Fn::Sub"]
    event["detail"]["name"] = name
    if not matches(rule, event):
        found.append("the rule misses a change")
    if matches(rule, {**event, "detail": {**event["detail"], "name": name + "2"}}):
        found.append("the rule takes another parameter's change")
    return found


def the_switch_is_made_once(template: Template) -> list[str]:
    """CloudFormation never writes its value, its maker may do nothing else, and only the operator may write it."""
    resource, switch = template["Resources"]["SwitchParameter"], properties(template, "SwitchParameter")
    parameters = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
    arn = parameters + switch["Parameter"]["Name"]["Fn::Sub"]
    may = {
        (name, action, json.dumps(statement["Resource"]))
        for name, statement in statements(template)
        for action in listed(statement["Action"])
        if action.startswith("ssm:") and action != "ssm:GetParameter"
    }
    maker = {("SwitchMakerRole", f"ssm:{verb}Parameter", json.dumps({"Fn::Sub": arn})) for verb in ("Put", "Delete")}
    operator = ("OperatorPolicy", "ssm:PutParameter", json.dumps({"Fn::Sub": parameters + "${SwitchParameter}"}))
    kept = {
        "a custom resource": resource["Type"] == "Custom::SwitchParameter",
        "made by its function": switch["ServiceToken"] == {"Fn::GetAtt": ["SwitchMaker", "Arn"]},
        "a role of its own": properties(template, "SwitchMaker")["Role"] == {"Fn::GetAtt": ["SwitchMakerRole", "Arn"]},
        "who may write it": may == maker | {operator},
        "the initial value": switch["Parameter"]["Value"] == {"Ref": "InitialSwitch"},
        "never over another": "Overwrite" not in switch["Parameter"],
    }
    written = of_type(template, "AWS::SSM::Parameter")
    return [what for what, holds in kept.items() if not holds] + [f"{name} is written again" for name in written]


#: All that telling others needs.
PUBLISHING = ("DomainEventBus", "EventPublisher", "EventPublisherRole", "EventPublisherLogs")


def others_are_told_only_if_asked_for(template: Template) -> list[str]:
    """Off unless somebody says so; then by a function, a role and a bus of their own, and nothing is lost silently."""
    publisher, role = properties(template, "EventPublisher"), properties(template, "EventPublisherRole")
    events = publisher["Events"]["RecordWritten"]["Properties"]
    queue, notified = {"Fn::GetAtt": ["LostEvents", "Arn"]}, {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    granted = {
        (action, json.dumps(statement["Resource"]))
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
    }
    logs = json.dumps({"Fn::GetAtt": ["EventPublisherLogs", "Arn"]})
    calls = {
        ("s3:GetObject", json.dumps({"Fn::Sub": "${AuditBucket.Arn}/audit/*"})),
        ("events:PutEvents", json.dumps({"Fn::GetAtt": ["DomainEventBus", "Arn"]})),
        ("sqs:SendMessage", json.dumps(queue)),
        *((action, logs) for action in ("logs:CreateLogStream", "logs:PutLogEvents")),
    }
    bucket = properties(template, "AuditBucket")
    kept = {
        "off": template["Parameters"]["DomainEvents"]["Default"] == "DISABLED",
        "its word": template["Conditions"]["HasDomainEvents"] == {"Fn::Equals": [{"Ref": "DomainEvents"}, "ENABLED"]},
        "notification": bucket["NotificationConfiguration"] == {"Fn::If": ["HasDomainEvents", notified, NOTHING]},
        "a role of its own": publisher["Role"] == {"Fn::GetAtt": ["EventPublisherRole", "Arn"]},
        "its grants": granted == calls,
        "its bus": publisher["Environment"]["Variables"]["TRADER_EVENT_BUS"]
        == {"Fn::GetAtt": ["DomainEventBus", "Name"]},
        "not the bus for commands": properties(template, "DomainEventBus") != properties(template, "CommandBus"),
        "what failed is kept": publisher["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"] == queue,
        "what was not delivered is kept": events["DeadLetterConfig"] == {"Arn": queue},
        "its own bucket": events["Pattern"]["detail"]["bucket"] == {"name": [{"Ref": "AuditBucket"}]},
    }
    conditional = [name for name in PUBLISHING if template["Resources"][name].get("Condition") != "HasDomainEvents"]
    outputs = ("DomainEventBusName", "EventPublisherName")
    conditional += [name for name in outputs if template["Outputs"][name].get("Condition") != "HasDomainEvents"]
    return [what for what, holds in kept.items() if not holds] + conditional


def failures_ring(template: Template) -> list[str]:
    """Four alarms and no other; each tells when it rings and when it is over, and says what to type."""
    alarms, function = of_type(template, "AWS::CloudWatch::Alarm"), properties(template, "TradingFunction")
    variables = function["Environment"]["Variables"]
    ours = [{"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}]
    dimensions = {
        variables["POWERTOOLS_METRICS_NAMESPACE"]: ours,
        "AWS/SQS": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["LostEvents", "QueueName"]}}],
    }
    found = sorted(alarms.keys() ^ ALARMED.keys())
    for name, alarm in alarms.items():
        rule = alarm["Properties"]
        looked_at, missing = ALARMED.get(name, (("", ""), ""))
        if (rule["Namespace"], rule["MetricName"]) != looked_at:
            found.append(f"{name}: looks at something else")
        found += [] if rule["Dimensions"] == dimensions.get(rule["Namespace"]) else [f"{name}: not this stack's"]
        found += [f"{name}: {word}" for word in ("AlarmActions", "OKActions") if rule[word] != [{"Ref": "AlarmTopic"}]]
        found += [] if rule["TreatMissingData"] == missing else [f"{name}: missing data"]
        what, _, to_do = rule["AlarmDescription"]["Fn::Sub"].partition(" To do: ")
        if not (what and to_do and len(rule["AlarmDescription"]["Fn::Sub"]) * 2 <= DESCRIPTION_MAX):
            found.append(f"{name}: description")
        # By its name a stack tells whose books are meant: without a mode a command looks at those of DRY_RUN.
        looks = [word for verb in ("status", "flatten") for word in to_do.split(f"trader {verb} ")[1:]]
        found += [f"{name}: whose books" for word in looks if not word.startswith("--stack ${AWS::StackName}")]
        if rule["AlarmName"] != {"Fn::Sub": f"${{AWS::StackName}}-{name.removesuffix('Alarm').lower()}"}:
            found.append(f"{name}: the notifier goes by its name")
    return found


def somebody_hears(template: Template) -> list[str]:
    """Alarms go to the notifier, its messages to people; if it dies, the raw alarm goes to the same people."""
    messages, notifier = {"Ref": "MessageTopic"}, {"Fn::GetAtt": ["Notifier", "Arn"]}
    mail, wake = properties(template, "AlarmSubscription"), properties(template, "NotifierSubscription")
    permission, failures = properties(template, "NotifierPermission"), properties(template, "NotifierFailures")
    may = {
        (action, json.dumps(statement["Resource"]))
        for name, statement in statements(template)
        if name == "NotifierRole"
        for action in listed(statement["Action"])
    }
    logs = json.dumps({"Fn::GetAtt": ["NotifierLogs", "Arn"]})
    own = {("logs:CreateLogStream", logs), ("logs:PutLogEvents", logs)}
    reasons = ("logs:FilterLogEvents", json.dumps({"Fn::GetAtt": ["FunctionLogs", "Arn"]}))
    kept = {
        "mail": (mail["TopicArn"], mail["Protocol"]) == (messages, "email"),
        "alarms": (wake["TopicArn"], wake["Endpoint"]) == ({"Ref": "AlarmTopic"}, notifier),
        "who may wake it": permission["SourceArn"] == {"Ref": "AlarmTopic"},
        "a dead notifier": failures["DestinationConfig"]["OnFailure"]["Destination"] == messages,
        "a role of its own": properties(template, "Notifier")["Role"] == {"Fn::GetAtt": ["NotifierRole", "Arn"]},
        "what it may": may == {("sns:Publish", json.dumps(messages)), reasons} | own,
        "the webhook is a secret": template["Parameters"]["AlarmWebhook"].get("NoEcho") is True,
        "the webhook is https": not re.search(template["Parameters"]["AlarmWebhook"]["AllowedPattern"], "http://a.b"),
        # CloudFormation takes more since 2022 (aws-cdk #20624); whoever reads the template does not.
        "its length": len(properties(template, "Notifier")["Code"]["ZipFile"]) <= 5000,
    }
    return [what for what, holds in kept.items() if not holds]


def _mapped(name: str) -> dict[str, Any]:
    return {"Fn::FindInMap": ["Period", {"Ref": "PeriodMinutes"}, name]}


def metrics_are_few(template: Template) -> list[str]:
    """What the dashboard shows is emitted; each metric has one dimension; nobody pays for a dashboard unasked."""
    body = properties(template, "Dashboard")["DashboardBody"]["Fn::Sub"][0]
    shown = re.findall(r'\["Trader", "(\w+)", ("[^]]*?)[\],]', body)
    found = [name for name, _ in shown if name not in METRICS]
    json.loads(re.sub(r"\$\{\w+(\.\w+)?\}", "1", re.sub(r'"\$\{[\w:.]+\}"', '"1"', body.replace("::", ""))))
    if template["Resources"]["Dashboard"].get("Condition") != "ShowsDashboard":
        found.append("a dashboard that nobody asked for")
    if template["Parameters"]["ShowDashboard"]["Default"] != "no":
        found.append("ShowDashboard")
    return found + ([] if len(METRICS) <= 4 and shown else ["too many metrics, or none shown"])


def suppressions_say_why(template: Template) -> list[str]:
    """A check that is left out is left out for a reason."""
    return [
        f"{name}: {skip['id']}"
        for name, resource in template["Resources"].items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
        if len(skip.get("comment", "").split()) < 5
    ]


def nothing_is_reserved_by_default(template: Template) -> list[str]:
    """A new account has too little to reserve; only somebody who says so has one execution set aside."""
    found = [] if template["Parameters"]["ReserveConcurrency"]["Default"] == "no" else ["ReserveConcurrency"]
    if template["Conditions"]["ReservesConcurrency"] != {"Fn::Equals": [{"Ref": "ReserveConcurrency"}, "yes"]}:
        found.append("ReservesConcurrency")
    functions = of_type(template, "AWS::Lambda::Function")
    return found + [name for name, each in functions.items() if "ReservedConcurrentExecutions" in each["Properties"]]


def the_function_carries_trader_only(template: Template) -> list[str]:
    """Its code is the package, and whatever needs building is built by layers/Makefile."""
    found = []
    layers = {"TradingFunction": ["DependenciesLayer", "ConfigLayer"], "EventPublisher": ["DependenciesLayer"]}
    for name, used in layers.items():
        function = properties(template, name)
        carried = [function["CodeUri"], [layer["Ref"] for layer in function["Layers"]]]
        found += [] if carried == ["src/trader", used] else [f"{name}: what it carries"]
        if [{"Ref": "Architecture"}] != function["Architectures"] or function["Runtime"] != "python3.13":
            found.append(f"{name}: runtime")
    makefile = (ROOT / "layers/Makefile").read_text(encoding="utf-8")
    rules = re.findall(r"^(build-\w+(?: build-\w+)*):", makefile, flags=re.MULTILINE)
    targets = {target.removeprefix("build-") for rule in rules for target in rule.split()}
    for name in (*layers, "DependenciesLayer", "ConfigLayer"):
        metadata = template["Resources"][name].get("Metadata", {})
        if (metadata.get("BuildMethod"), metadata.get("ContextPath")) != ("makefile", "layers") or name not in targets:
            found.append(name)
    return found


PROMISES: tuple[Promise, ...] = (
    grants_name_what_they_grant,
    the_function_may_do_what_it_does,
    the_key_is_for_live_only,
    only_paper_looks_old_trades_up,
    what_fails_is_tried_once_more,
    what_is_woken_is_a_version,
    a_cycle_ends_before_the_next,
    books_are_kept,
    records_are_kept_and_private,
    what_is_kept_is_taken_back_at_first,
    live_is_deliberate,
    modes_are_those_of_the_code,
    the_environment_is_complete,
    the_switch_takes_its_words_only,
    the_switch_is_made_once,
    others_are_told_only_if_asked_for,
    failures_ring,
    somebody_hears,
    metrics_are_few,
    suppressions_say_why,
    nothing_is_reserved_by_default,
    the_function_carries_trader_only,
)


def read_profile(profile: str) -> tuple[dict[str, Any], dict[str, str]]:
    """What samconfig.toml says of a profile's deployment, and its parameters."""
    deploy = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))[profile]["deploy"]["parameters"]
    return deploy, dict(pair.split("=", 1) for pair in deploy["parameter_overrides"])


def refusals(template: Template, chosen: dict[str, str]) -> list[str]:
    """What CloudFormation's rules would say to these parameters."""
    defaults = {name: str(parameter.get("Default", "")) for name, parameter in template["Parameters"].items()}
    values = {**defaults, **chosen}

    def holds(condition: dict[str, Any]) -> bool:
        ((function, parts),) = condition.items()
        if function != "Fn::Equals":
            return {"Fn::Or": any, "Fn::Not": lambda each: not any(each)}[function](map(holds, parts))
        left, right = (values[side["Ref"]] if isinstance(side, dict) else side for side in condition["Fn::Equals"])
        return left == right

    return [
        assertion["AssertDescription"]
        for rule in template.get("Rules", {}).values()
        if holds(rule["RuleCondition"])
        for assertion in rule["Assertions"]
        if not holds(assertion["Assert"])
    ]


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """EventBridge's simplest patterns: each key is there, with one of the values."""
    return all(
        matches(wanted, event.get(key, {})) if isinstance(wanted, dict) else event.get(key) in wanted
        for key, wanted in pattern.items()
    )


# --- the template keeps them, and each can be broken -------------------------------------------------------------


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_template_keeps(promise: Promise) -> None:
    """Nothing breaks the promise."""
    assert promise(parsed()) == []


BREAKS: tuple[tuple[Promise, str, Any], ...] = (
    (grants_name_what_they_grant, "FunctionRole.Properties.Policies.0.PolicyDocument.Statement.0.Action", "dynamodb:*"),
    (grants_name_what_they_grant, "FunctionRole.Properties.Policies.0.PolicyDocument.Statement.1.Resource", "*"),
    (grants_name_what_they_grant, "FunctionRole.Properties.ManagedPolicyArns", ["AWSLambdaBasicExecutionRole"]),
    (grants_name_what_they_grant, "TradingFunction.Properties.Policies", ["AmazonS3FullAccess"]),
    (grants_name_what_they_grant, "OperatorPolicy.Properties.PolicyDocument.Statement.0.Resource", "*"),
    (
        grants_name_what_they_grant,
        "ViewerPolicy.Properties.PolicyDocument.Statement.6.Action",
        ["cloudwatch:GetMetricData", "logs:GetLogEvents"],
    ),
    (the_function_may_do_what_it_does, "FunctionRole.Properties.Policies.0.PolicyDocument.Statement.2.Action", []),
    (the_function_may_do_what_it_does, "KeyPolicy.Properties.PolicyDocument.Statement.0.Action", "s3:DeleteObject"),
    (
        the_function_may_do_what_it_does,
        "KeyParameterPolicy.Properties.PolicyDocument.Statement.0.Action",
        ["ssm:GetParameter", "kms:Decrypt"],
    ),
    (the_key_is_for_live_only, "KeyPolicy.Condition", None),
    (the_key_is_for_live_only, "KeyPolicy.Condition", "IsLive"),
    (the_key_is_for_live_only, "KeyParameterPolicy.Condition", "IsLive"),
    (the_key_is_for_live_only, "ApiSecret.Condition", None),
    (
        the_key_is_for_live_only,
        "KeyParameterPolicy.Properties.PolicyDocument.Statement.0.Resource",
        {"Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/trader/*/api-key"},
    ),
    (
        the_key_is_for_live_only,
        "ViewerPolicy.Properties.PolicyDocument.Statement.0.Resource",
        {"Fn::Sub": f"parameter{KEY_PARAMETER}"},
    ),
    (
        the_key_is_for_live_only,
        "TradingFunction.Properties.Environment.Variables.TRADER_KEY_PARAMETER",
        {"Fn::Sub": KEY_PARAMETER},
    ),
    (only_paper_looks_old_trades_up, "VenuePolicy.Condition", None),
    (only_paper_looks_old_trades_up, "VenuePolicy.Properties.PolicyDocument.Statement.0.Action", "dynamodb:Scan"),
    (
        only_paper_looks_old_trades_up,
        "FunctionRole.Properties.Policies.0.PolicyDocument.Statement.0.Action",
        ["dynamodb:Query"],
    ),
    (the_key_is_for_live_only, "TradingFunction.Properties.Environment.Variables.TRADER_SECRET", {"Ref": "ApiSecret"}),
    (what_fails_is_tried_once_more, "TradingFunction.Properties.EventInvokeConfig.MaximumRetryAttempts", 0),
    (what_fails_is_tried_once_more, "TradingFunction.Properties.EventInvokeConfig.MaximumRetryAttempts", 2),
    (what_fails_is_tried_once_more, "TradingFunction.Properties.EventInvokeConfig.MaximumEventAgeInSeconds", 120),
    (what_fails_is_tried_once_more, "TradingFunction.Properties.EventInvokeConfig.MaximumEventAgeInSeconds", 21600),
    (
        what_fails_is_tried_once_more,
        "TradingFunction.Properties.Events.Tick.Properties.RetryPolicy.MaximumRetryAttempts",
        185,
    ),
    (what_fails_is_tried_once_more, "TradingFunction.Properties.Events.Tick.Properties.DeadLetterConfig", None),
    (
        what_fails_is_tried_once_more,
        "TradingFunction.Properties.Events.KillSwitchChanged.Properties.DeadLetterConfig",
        None,
    ),
    (
        what_fails_is_tried_once_more,
        "TradingFunction.Properties.Events.CommandGiven.Properties.DeadLetterConfig",
        None,
    ),
    (
        what_fails_is_tried_once_more,
        "TradingFunction.Properties.Events.Watch.Properties.DeadLetterConfig",
        {"Arn": {"Fn::GetAtt": ["LostEvents", "Arn"]}},
    ),
    (
        what_fails_is_tried_once_more,
        "LostEventsPolicy.Properties.PolicyDocument.Statement.0.Condition.ArnEquals.aws:SourceArn",
        {"Fn::GetAtt": ["TradingFunctionKillSwitchChanged", "Arn"]},
    ),
    (what_fails_is_tried_once_more, "TradingFunction.Properties.ReservedConcurrentExecutions", 10),
    (what_is_woken_is_a_version, "TradingFunction.Properties.AutoPublishAlias", "current"),
    (what_is_woken_is_a_version, "TradingFunction.Properties.AutoPublishAliasAllProperties", False),
    (what_is_woken_is_a_version, "TradingFunction.UpdateReplacePolicy", "Delete"),
    (what_is_woken_is_a_version, "TradingFunction.DeletionPolicy", "Delete"),
    (what_is_woken_is_a_version, "TradingFunction.Properties.VersionDescription.Fn::Sub", "${Mode}"),
    (what_is_woken_is_a_version, "TradingFunction.Properties.EphemeralStorage", {"Size": {"Ref": "AlarmPeriods"}}),
    (what_is_woken_is_a_version, "ConfigLayer.Properties.PublishLambdaVersion", False),
    (
        what_is_woken_is_a_version,
        "ScheduleRole.Properties.Policies.0.PolicyDocument.Statement.0.Resource",
        {"Fn::GetAtt": ["TradingFunction", "Arn"]},
    ),
    (a_cycle_ends_before_the_next, "TradingFunction.Properties.Timeout", 60),
    (books_are_kept, "StateTable.Properties.DeletionProtectionEnabled", True),
    (books_are_kept, "TableProtection", {"Type": "AWS::SNS::Topic"}),
    (books_are_kept, "TableProtection.Properties.TableName", "another"),
    (books_are_kept, "StateTable.Properties.TimeToLiveSpecification.AttributeName", "expires_at"),
    (books_are_kept, "StateTable.DeletionPolicy", "Delete"),
    (books_are_kept, "StateTable.DeletionPolicy", "Retain"),
    (books_are_kept, "StateTable.UpdateReplacePolicy", "RetainExceptOnCreate"),
    (records_are_kept_and_private, "AuditBucket.DeletionPolicy", "Retain"),
    (what_is_kept_is_taken_back_at_first, "ApiSecret.DeletionPolicy", "Retain"),
    (what_is_kept_is_taken_back_at_first, "ApiSecret.UpdateReplacePolicy", "Delete"),
    (what_is_kept_is_taken_back_at_first, "AuditAnchorLogs.DeletionPolicy", "Retain"),
    (books_are_kept, "StateTable.Properties.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled", False),
    (records_are_kept_and_private, "AuditBucketPolicy.Properties.PolicyDocument.Statement", []),
    (records_are_kept_and_private, "AuditBucketPolicy.Properties.Bucket", {"Ref": "AWS::NoValue"}),
    (records_are_kept_and_private, "AuditBucketPolicy.Properties.PolicyDocument.Statement.0.Condition", {}),
    (records_are_kept_and_private, "AuditBucket.Properties.PublicAccessBlockConfiguration.BlockPublicAcls", False),
    (records_are_kept_and_private, "AuditBucket.Properties.VersioningConfiguration.Status", "Suspended"),
    (the_environment_is_complete, "TradingFunction.Properties.Environment.Variables.TRADER_TABEL", "x"),
    (the_environment_is_complete, "TradingFunction.Properties.Environment.Variables.TRADER_TABLE", "somebody-elses"),
    (the_switch_takes_its_words_only, "SwitchParameter.Properties.Parameter.AllowedPattern", "RUN|HALT"),
    (the_switch_takes_its_words_only, "SwitchParameter.Properties.Parameter.Name.Fn::Sub", "/trader/other"),
    (
        the_switch_takes_its_words_only,
        "TradingFunction.Properties.Events.KillSwitchChanged.Properties.Pattern.detail.name",
        ["/trader/${AWS::StackName}/kill-switch", "/trader/${AWS::StackName}/kill-switch2"],
    ),
    (the_switch_is_made_once, "KillSwitch", {"Type": "AWS::SSM::Parameter", "Properties": {}}),
    (the_switch_is_made_once, "SwitchParameter.Type", "AWS::SSM::Parameter"),
    (the_switch_is_made_once, "SwitchParameter.Properties.ServiceToken", {"Fn::GetAtt": ["TradingFunction", "Arn"]}),
    (the_switch_is_made_once, "SwitchParameter.Properties.Parameter.Overwrite", True),
    (the_switch_is_made_once, "SwitchParameter.Properties.Parameter.Value", "RUN"),
    (the_switch_is_made_once, "SwitchMaker.Properties.Role", {"Fn::GetAtt": ["FunctionRole", "Arn"]}),
    (
        the_switch_is_made_once,
        "SwitchMakerRole.Properties.Policies.0.PolicyDocument.Statement.0.Action",
        ["ssm:PutParameter", "ssm:DeleteParameter", "ssm:DeleteParameters"],
    ),
    (
        the_switch_is_made_once,
        "OperatorPolicy.Properties.PolicyDocument.Statement.1.Action",
        ["ssm:PutParameter", "ssm:DeleteParameter"],
    ),
    (
        the_switch_is_made_once,
        "FunctionRole.Properties.Policies.0.PolicyDocument.Statement.2.Action",
        ["ssm:GetParameter", "ssm:PutParameter"],
    ),
    (others_are_told_only_if_asked_for, "EventPublisher.Condition", None),
    (others_are_told_only_if_asked_for, "DomainEventBus.Condition", None),
    (others_are_told_only_if_asked_for, "EventPublisherRole.Condition", "IsLive"),
    (
        others_are_told_only_if_asked_for,
        "AuditBucket.Properties.NotificationConfiguration",
        {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
    ),
    (
        others_are_told_only_if_asked_for,
        "EventPublisherRole.Properties.Policies.0.PolicyDocument.Statement.1.Resource",
        {"Fn::GetAtt": ["CommandBus", "Arn"]},
    ),
    (
        others_are_told_only_if_asked_for,
        "EventPublisherRole.Properties.Policies.0.PolicyDocument.Statement.0.Action",
        ["s3:GetObject", "s3:PutObject"],
    ),
    (others_are_told_only_if_asked_for, "EventPublisher.Properties.Role", {"Fn::GetAtt": ["FunctionRole", "Arn"]}),
    (
        others_are_told_only_if_asked_for,
        "EventPublisher.Properties.Environment.Variables.TRADER_EVENT_BUS",
        {"Fn::GetAtt": ["CommandBus", "Name"]},
    ),
    (
        others_are_told_only_if_asked_for,
        "EventPublisher.Properties.EventInvokeConfig.DestinationConfig.OnFailure.Destination",
        {"Ref": "AlarmTopic"},
    ),
    (
        others_are_told_only_if_asked_for,
        "EventPublisher.Properties.Events.RecordWritten.Properties.DeadLetterConfig",
        None,
    ),
    (
        others_are_told_only_if_asked_for,
        "EventPublisher.Properties.Events.RecordWritten.Properties.Pattern.detail.bucket.name.0",
        {"prefix": "trader"},
    ),
    (
        what_fails_is_tried_once_more,
        "LostEventsPolicy.Properties.PolicyDocument.Statement.0.Condition.ArnEquals.aws:SourceArn.2",
        {"Fn::GetAtt": ["EventPublisherRecordWritten", "Arn"]},
    ),
    (the_function_carries_trader_only, "EventPublisher.Properties.CodeUri", "src"),
    (the_function_carries_trader_only, "EventPublisher.Properties.Layers", []),
    (failures_ring, "ErrorsAlarm", {"Type": "AWS::SNS::Topic"}),
    (failures_ring, "AttentionAlarm.Properties.AlarmActions", []),
    (failures_ring, "AttentionAlarm.Properties.OKActions", []),
    (failures_ring, "AttentionAlarm.Properties.MetricName", "Attentions"),
    (failures_ring, "AttentionAlarm.Properties.Dimensions.0.Value", "trader"),
    (failures_ring, "AttentionAlarm.Properties.AlarmName", "attention"),
    (failures_ring, "AttentionAlarm.Properties.AlarmDescription.Fn::Sub", "Look."),
    (failures_ring, "ErrorsAlarm.Properties.AlarmDescription.Fn::Sub", "Lost. To do: trader status --table t"),
    (failures_ring, "HeartbeatAlarm.Properties.TreatMissingData", "notBreaching"),
    (failures_ring, "ExposedAlarm.Properties.TreatMissingData", "notBreaching"),
    (failures_ring, "ErrorsAlarm.Properties.Dimensions", []),
    (failures_ring, "ErrorsAlarm.Properties.MetricName", "ApproximateNumberOfMessagesVisible"),
    (what_fails_is_tried_once_more, "TradingFunction.Properties.EventInvokeConfig.DestinationConfig.OnFailure", None),
    (somebody_hears, "AlarmSubscription.Properties.TopicArn", {"Ref": "AlarmTopic"}),
    (somebody_hears, "NotifierSubscription.Properties.TopicArn", {"Ref": "MessageTopic"}),
    (somebody_hears, "NotifierFailures.Properties.DestinationConfig.OnFailure.Destination", {"Ref": "AlarmTopic"}),
    (somebody_hears, "NotifierRole.Properties.Policies.0.PolicyDocument.Statement.1.Action", "logs:GetLogEvents"),
    (metrics_are_few, "Dashboard.Condition", None),
    (metrics_are_few, "Dashboard.Properties.DashboardBody.Fn::Sub.0", '[["Trader", "Luck", "service", "x"]]'),
    (nothing_is_reserved_by_default, "SwitchMaker.Properties.ReservedConcurrentExecutions", 1),
    (suppressions_say_why, "AuditBucket.Metadata.checkov.skip.0.comment", "later"),
    (the_function_carries_trader_only, "TradingFunction.Properties.CodeUri", "src"),
    (the_function_carries_trader_only, "ConfigLayer.Metadata.ContextPath", "config"),
)


def broken(path: str, value: Any, root: str = "Resources") -> Template:
    """The template with one place changed; None takes it away."""
    template = copy.deepcopy(parsed())
    *parents, last = path.split(".")
    place: Any = template[root]
    for key in parents:
        place = place[int(key)] if isinstance(place, list) else place[key]
    if isinstance(place, list):
        place[int(last)] = value
    elif value is None:
        place[last] = {}
    else:
        place[last] = value
    return template


@pytest.mark.parametrize(("promise", "path", "value"), BREAKS, ids=lambda part: getattr(part, "__name__", None))
def test_broken_promise_is_found(promise: Promise, path: str, value: Any) -> None:
    """One change in one place is enough."""
    assert promise(broken(path, value))


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_each_assertion_about_live_counts(number: int) -> None:
    """Without any one of them something is let through."""
    template = parsed()
    del template["Rules"]["LiveIsDeliberate"]["Assertions"][number]

    assert live_is_deliberate(template)


def test_other_defaults_and_periods_are_found() -> None:
    """A default that trades, a period that is not the configured one, a wrong product of minutes and seconds."""
    assert modes_are_those_of_the_code(broken("Mode.Default", "LIVE", "Parameters"))
    assert nothing_is_reserved_by_default(broken("ReserveConcurrency.Default", "yes", "Parameters"))
    assert nothing_is_reserved_by_default(broken("ReservesConcurrency", {"Fn::Equals": ["a", "a"]}, "Conditions"))
    assert modes_are_those_of_the_code(broken("LiveTradingConfirmed.Default", "yes", "Parameters"))
    assert others_are_told_only_if_asked_for(broken("DomainEvents.Default", "ENABLED", "Parameters"))
    assert others_are_told_only_if_asked_for(broken("DomainEventBusName.Condition", None, "Outputs"))
    assert a_cycle_ends_before_the_next(broken("PeriodMinutes.Default", "15", "Parameters"))
    assert a_cycle_ends_before_the_next(broken("Period.15.Seconds", 90, "Mappings"))
    assert a_cycle_ends_before_the_next(broken("Period.3.Timeout", 130, "Mappings"))
    assert a_cycle_ends_before_the_next(broken("Period.5.Timeout", 240, "Mappings"))
    assert somebody_hears(broken("AlarmWebhook.NoEcho", False, "Parameters"))
    assert metrics_are_few(broken("ShowDashboard.Default", "yes", "Parameters"))


# --- what meets the code and the other files ---------------------------------------------------------------------


def test_schedule_says_what_the_function_understands() -> None:
    """With EventBridge's instant in its place, the input is a tick."""
    tick = properties(parsed(), "TradingFunction")["Events"]["Tick"]["Properties"]

    text = tick["Input"].replace("<aws.scheduler.scheduled-time>", "2026-11-22T10:15:00Z")

    assert isinstance(parse_event(json.loads(text), Instant(0)), RunTick)
    assert "scheduled-time" in tick["Input"]


def test_event_of_the_rule_is_a_switch_change() -> None:
    """What the rule lets through is what dispatch takes for a change of the switch."""
    event = json.loads((ROOT / "events/kill-switch-changed.json").read_text(encoding="utf-8"))

    assert isinstance(parse_event(event, Instant(0)), SwitchChanged)


def test_handler_emits_every_metric() -> None:
    """An alarm on a metric that nobody emits would never ring, or always."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/trader").rglob("*.py"))

    assert [name for name in sorted(METRICS) if f'"{name}"' not in code] == []


@pytest.mark.parametrize(("profile", "mode"), [("dev", "DRY_RUN"), ("paper", "PAPER"), ("live", "LIVE")])
def test_profile_deploys_its_mode(profile: str, mode: str) -> None:
    """Every parameter it names exists, its period is the configured one, and nothing is refused but what a person adds.

    That it does not stand there as shipped is for `tests/unit/test_shipped_config.py`: `make check` is for a copy that
    goes live, too.
    """
    deploy, chosen = read_profile(profile)
    template = parsed()

    assert chosen.keys() <= template["Parameters"].keys()
    assert chosen["Mode"] == mode
    assert "PeriodMinutes" not in chosen
    assert deploy["stack_name"] == f"trader-{profile}"
    assert refusals(template, {**chosen, "LiveTradingConfirmed": "yes", "AlarmEmail": "me@example.org"}) == []


def test_what_the_manual_refers_to_is_an_output() -> None:
    """docs/deploy.md takes names from the stack's outputs."""
    manual = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\(output (\w+)\)", manual))

    assert asked
    assert asked <= set(parsed()["Outputs"])
