"""A configuration is used whole or not at all; what is wrong with it is said in full, one line for each problem."""

import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from factories_settings import CONFIG, GONE, shipped_trees, with_overrides
from trader.adapters.config.files import FILES, load_settings, parse_settings
from trader.adapters.config.validation import RENAMED
from trader.errors import ConfigError
from trader.model.codec import digest_of
from trader.model.cycle_state import Regime
from trader.settings.app import Mode

ASSETS = "capital letters and digits, such as BTC"


def problems_with(overrides: dict[str, object], environment: dict[str, str] | None = None) -> list[str]:
    """What is said about the shipped configuration with these keys changed."""
    try:
        parse_settings(with_overrides(shipped_trees(), overrides), environment)
    except ConfigError as error:
        return list(error.problems)
    return []


def problems_in(directory: Path) -> list[str]:
    """What is said about a folder."""
    with pytest.raises(ConfigError) as caught:
        load_settings(directory, {})
    return list(caught.value.problems)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the shipped configuration, to be spoilt."""
    return Path(shutil.copytree(CONFIG, tmp_path / "config"))


def rewrite(directory: Path, name: str, old: str, new: str) -> None:
    """Change one place in one file."""
    text = (directory / name).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
    (directory / name).write_text(text.replace(old, new), encoding="utf-8")


# --- one line for each kind of problem


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        pytest.param(
            {"risk.total_pct_mx": "25"},
            "policy.yaml: risk.total_pct_mx: unknown key, perhaps of another release; "
            "closest: total_pct_max, product_pct_max, position_pct_max",
            id="unknown key",
        ),
        pytest.param(
            {"risk.peg_rest_minutes": "60"},
            "policy.yaml: risk.peg_rest_minutes: is called risk.peg_cooldown_minutes now",
            id="key of an earlier release",
        ),
        pytest.param(
            {"exits.zzz": "1"},
            "policy.yaml: exits.zzz: unknown key, perhaps of another release; "
            "allowed: spread_multiple_max, dust_value_max, trailing, "
            "trailing_arm_pct, trailing_giveback_pct, "
            "crash_tighten_ratio",
            id="unknown key like no other",
        ),
        pytest.param(
            {"universe.tiers.tier_1_core.spread_max": "20"},
            "universe.yaml: universe.tiers.tier_1_core.spread_max: unknown key, perhaps of another release; "
            "closest: spread_bps_max",
            id="unknown key inside a mapping",
        ),
        pytest.param(
            {"strategies.rules_engine.settings.rules[2].stop": "6"},
            "policy.yaml: strategies.rules_engine.settings.rules[2].stop: unknown key, perhaps of another release; "
            "closest: stop_pct",
            id="unknown key in a rule",
        ),
        pytest.param(
            {"regime.size_multiplier.bul": "1"},
            "policy.yaml: regime.size_multiplier.bul: unknown key; allowed is one of bull, chop, bear, crash, unknown",
            id="unknown regime",
        ),
        pytest.param(
            {"strategies.rule_engine": {"weight_pct": 1, "trades_per_cycle_max": 1, "settings": {}}},
            "policy.yaml: strategies.rule_engine: unknown key, perhaps of another release; closest: rules_engine",
            id="unknown strategy",
        ),
        pytest.param(
            {"risk.total_pct_max": GONE},
            "policy.yaml: risk.total_pct_max: is missing; allowed is a number from 0 to 100",
            id="missing key",
        ),
        pytest.param(
            {"strategies.rules_engine.settings.conviction_min": GONE},
            "policy.yaml: strategies.rules_engine.settings.conviction_min: is missing; allowed is a number from 0 to 1",
            id="missing key of a strategy",
        ),
        pytest.param(
            {"universe": {}},
            "universe.yaml: universe.products_cache_minutes: is missing; allowed is a whole number from 0 to 1000000",
            id="empty section",
        ),
        pytest.param(
            {"risk.total_pct_max": "250"},
            "policy.yaml: risk.total_pct_max: 250 is out of range; allowed is 0 to 100",
            id="number out of range",
        ),
        pytest.param(
            {"exchange.assumed_maker_fee_ratio": "-0.001"},
            "app.yaml: exchange.assumed_maker_fee_ratio: -0.001 is out of range; allowed is 0 to 1",
            id="fraction out of range",
        ),
        pytest.param(
            {"strategies.rules_engine.settings.rules[0].stop_pct": "0"},
            "policy.yaml: strategies.rules_engine.settings.rules[0].stop_pct: 0 is out of range; allowed is 0.1 to 50",
            id="number of a rule out of range",
        ),
        pytest.param(
            {"risk.total_pct_max": '"25"'},
            'policy.yaml: risk.total_pct_max: "25" is text; allowed is a number from 0 to 100',
            id="number in quotes",
        ),
        pytest.param(
            {"triggers.atr_windows": "14.0"},
            "policy.yaml: triggers.atr_windows: 14.0 is a number; allowed is a whole number from 1 to 1000",
            id="fraction for a whole number",
        ),
        pytest.param(
            {"triggers.atr_windows": "true"},
            "policy.yaml: triggers.atr_windows: true is a boolean; allowed is a whole number from 1 to 1000",
            id="boolean for a number",
        ),
        pytest.param(
            {"risk.total_pct_max": None},
            "policy.yaml: risk.total_pct_max: null is empty; allowed is a number from 0 to 100",
            id="nothing for a number",
        ),
        pytest.param(
            {"exits.trailing": "yes"},
            'policy.yaml: exits.trailing: "yes" is text; allowed is true or false',
            id="yes for a boolean",
        ),
        pytest.param(
            {"exits.trailing": "1"},
            "policy.yaml: exits.trailing: 1 is a number; allowed is true or false",
            id="number for a boolean",
        ),
        pytest.param(
            {"app.account": "7"},
            "app.yaml: app.account: 7 is a number; allowed is 1 to 32 lower-case letters, digits and dashes",
            id="number for text",
        ),
        pytest.param(
            {"bars": "300"},
            "app.yaml: bars: 300 is a number; allowed is a mapping of keys to values",
            id="number for a section",
        ),
        pytest.param(
            {"universe.never_trade": "BTC"},
            f'universe.yaml: universe.never_trade: "BTC" is text; allowed is a list, each item {ASSETS}',
            id="text for a list",
        ),
        pytest.param(
            {"universe.bans": []},
            "universe.yaml: universe.bans: [] is a list; allowed is a mapping of keys to values",
            id="list for a mapping",
        ),
        pytest.param(
            {"app.mode": "DRYRUN"},
            'app.yaml: app.mode: "DRYRUN" is not among them; allowed is one of DRY_RUN, PAPER, LIVE',
            id="bad enum",
        ),
        pytest.param(
            {"strategies.rules_engine.settings.rules[0].trigger": "price"},
            'policy.yaml: strategies.rules_engine.settings.rules[0].trigger: "price" is not among them; '
            "allowed is one of price_move, volume_spike, breakout, reversal, momentum",
            id="bad enum in a rule",
        ),
        pytest.param(
            {"app.account": "Main"},
            "app.yaml: app.account: Main has the wrong shape; allowed is 1 to 32 lower-case letters, digits and dashes",
            id="account name",
        ),
        pytest.param(
            {"execution.order_prefix": "an-order-prefix-too-long"},
            "policy.yaml: execution.order_prefix: an-order-prefix-too-long has the wrong shape; "
            "allowed is 1 to 16 lower-case letters, digits and dashes",
            id="order prefix",
        ),
        pytest.param(
            {"execution.conversion_pairs[0]": "USDUSDC"},
            "policy.yaml: execution.conversion_pairs[0]: USDUSDC has the wrong shape; "
            "allowed is SOURCE-TARGET, such as USD-USDC",
            id="convert pair",
        ),
        pytest.param(
            {"universe.bans": {"LUNA": "soon"}},
            "universe.yaml: universe.bans.LUNA: soon has the wrong shape; allowed is a day as YYYY-MM-DD",
            id="day of a ban",
        ),
        pytest.param(
            {"universe.bans": {"LUNA": "2027-02-30"}},
            "universe.yaml: universe.bans.LUNA: 2027-02-30 is no day of the calendar; allowed is YYYY-MM-DD",
            id="day that is none",
        ),
        pytest.param(
            {"universe.never_trade": ["btc"]},
            f"universe.yaml: universe.never_trade[0]: btc has the wrong shape; allowed is {ASSETS}",
            id="asset name",
        ),
        pytest.param(
            {"bars.benchmark": "BTC"},
            "app.yaml: bars.benchmark: BTC has the wrong shape; allowed is BASE-QUOTE, such as BTC-USD",
            id="product name",
        ),
        pytest.param(
            {"cycle.max_tick_age_seconds": "300"},
            "app.yaml: cycle.max_tick_age_seconds: 300 would let no tick enter, or one that the next has overtaken; "
            "allowed is 1 to below cycle.period_seconds 300",
            id="contradiction",
        ),
        pytest.param(
            {"app.mode": "LIVE"},
            "app.yaml: app.mode: LIVE contradicts exchange.read_only: true; "
            "allowed is DRY_RUN or PAPER, or read_only: false",
            id="contradiction of the mode",
        ),
    ],
)
def test_problem_is_one_line_with_file_key_value_and_what_is_allowed(
    overrides: dict[str, object], expected: str
) -> None:
    """Exactly this line, and for all but the empty section only this one."""
    problems = problems_with(overrides)

    assert expected == problems[0]
    assert overrides == {"universe": {}} or [expected] == problems


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (
            {"TRADER_MOD": "LIVE"},
            (
                "environment: TRADER_MOD: unknown variable; "
                "allowed: TRADER_HOME, TRADER_CONFIG_DIR, TRADER_MODE, TRADER_LOG_LEVEL, TRADER_TABLE, "
                "TRADER_AUDIT_BUCKET, TRADER_KILL_SWITCH, TRADER_SECRET, TRADER_KEY_PARAMETER, "
                "TRADER_LIVE_CONFIRMED, TRADER_VENUE_URL, TRADER_COMMAND_BUS, TRADER_ANCHORS"
            ),
        ),
        (
            {"TRADER_LOG_LEVEL": "LOUD"},
            (
                "environment: TRADER_LOG_LEVEL: LOUD is not among them; "
                "allowed is one of DEBUG, INFO, WARNING, ERROR, CRITICAL"
            ),
        ),
        (
            {"TRADER_MODE": "live"},
            'environment: TRADER_MODE: app.mode: "live" is not among them; allowed is one of DRY_RUN, PAPER, LIVE',
        ),
        (
            {"TRADER_MODE": "LIVE"},
            (
                "environment: TRADER_MODE: app.mode: LIVE contradicts exchange.read_only: true; "
                "allowed is DRY_RUN or PAPER, or read_only: false"
            ),
        ),
    ],
)
def test_problem_of_the_environment_is_one_line(environment: dict[str, str], expected: str) -> None:
    """A variable with a typing error, or a bad value, stops the start like a key."""
    problems = problems_with({}, environment)

    assert [expected] == problems


def test_other_peoples_variables_are_none_of_our_business() -> None:
    """Only names that start with ours are checked."""
    assert [] == problems_with({}, {"PATH": "/bin", "AWS_REGION": "eu-west-1", "TRADER_LOG_LEVEL": "DEBUG"})


# --- files


def test_all_problems_of_all_files_are_told_at_once(directory: Path) -> None:
    """One in each file, and one between two keys that is not looked for until the rest is right."""
    rewrite(directory, "app.yaml", "capital: 10000", "capital: -1")
    rewrite(directory, "universe.yaml", "correlation_max: 0.85", "corelation_max: 0.85")
    rewrite(directory, "policy.yaml", "edge_multiple: 1.5", 'edge_multiple: "1.5"')
    rewrite(directory, "policy.yaml", "drawdown_pct_max: 10\n", "drawdown_pct_max: 10\n  drawdown_pct_max: 11\n")
    text = (directory / "policy.yaml").read_text(encoding="utf-8").splitlines()
    line = text.index("  drawdown_pct_max: 10") + 1

    problems = problems_in(directory)

    assert [
        f"policy.yaml: risk.drawdown_pct_max: is there twice, on lines {line} and {line + 1}; once is allowed",
        "app.yaml: app.capital: -1 is out of range; allowed is 0 to 1000000000000",
        "universe.yaml: universe.correlation_max: is missing; allowed is a number from 0 to 1",
        "universe.yaml: universe.corelation_max: unknown key, perhaps of another release; "
        "closest: correlation_max, correlation_window",
        'policy.yaml: costs.edge_multiple: "1.5" is text; allowed is a number from 0 to 10',
    ] == problems


def test_missing_file_is_named_with_the_folder(directory: Path) -> None:
    """And problems of the files that are there are told too."""
    (directory / "universe.yaml").unlink()
    rewrite(directory, "app.yaml", "account: main", "account: MAIN")

    problems = problems_in(directory)

    assert [
        f"universe.yaml: not found in {directory}; all of app.yaml, universe.yaml, policy.yaml are required",
        "app.yaml: app.account: MAIN has the wrong shape; allowed is 1 to 32 lower-case letters, digits and dashes",
    ] == problems


def test_file_that_is_not_yaml_is_named_with_the_place(directory: Path) -> None:
    """Line and column as an editor counts them."""
    (directory / "universe.yaml").write_text("universe:\n  tiers: [BTC\n", encoding="utf-8")

    problems = problems_in(directory)

    assert len(problems) == 1
    assert problems[0].startswith("universe.yaml: line 3, column 1: is not YAML: ")


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n- b\n", "text\n"])
def test_file_without_sections_is_refused(directory: Path, text: str) -> None:
    """Empty, a list, or a word."""
    (directory / "universe.yaml").write_text(text, encoding="utf-8")

    problems = problems_in(directory)

    assert ["universe.yaml: the file is empty or no mapping; sections with keys are required"] == problems


def test_file_that_is_no_text_is_refused(directory: Path) -> None:
    """Bytes that are not UTF-8."""
    (directory / "universe.yaml").write_bytes(b"universe: \xff\n")

    problems = problems_in(directory)

    assert len(problems) == 1
    assert problems[0].startswith("universe.yaml: cannot be read: 'utf-8' codec")


def test_section_in_the_wrong_file_is_sent_home() -> None:
    """One line, not one for each key of the section."""
    trees = shipped_trees()
    trees["app.yaml"]["universe"] = {}

    with pytest.raises(ConfigError) as caught:
        parse_settings(trees)

    assert ("app.yaml: universe: belongs in universe.yaml",) == caught.value.problems


def test_section_that_no_file_has_is_an_unknown_key() -> None:
    """The name of the digest's field included: nobody sets that."""
    trees = shipped_trees()
    trees["app.yaml"] |= {"exchnge": {}, "digest": "x"}

    with pytest.raises(ConfigError) as caught:
        parse_settings(trees)

    assert (
        "app.yaml: exchnge: unknown key, perhaps of another release; closest: exchange",
        "app.yaml: digest: unknown key, perhaps of another release; allowed: app, cycle, bars, exchange, simulation",
    ) == caught.value.problems


# --- what comes out


def test_shipped_configuration_loads_with_its_digest() -> None:
    """The digest is that of the settings without it."""
    loaded = load_settings(CONFIG, {})

    assert digest_of(replace(loaded.settings, digest="")) == loaded.digest
    assert loaded.digest == load_settings(CONFIG, {}).digest


def test_digest_follows_the_values_not_the_writing(directory: Path) -> None:
    """A comment or a trailing zero changes nothing, a value does."""
    before = load_settings(directory, {}).digest
    rewrite(directory, "policy.yaml", "peg_min: 0.985", "peg_min: 0.98500 # a remark")
    same = load_settings(directory, {}).digest
    rewrite(directory, "policy.yaml", "peg_min: 0.98500", "peg_min: 0.98501")

    assert before == same
    assert before != load_settings(directory, {}).digest


def test_money_is_decimal_from_its_own_text_and_statistics_are_float() -> None:
    """No float stands between the file and a Decimal."""
    settings = load_settings(CONFIG, {}).settings

    assert Decimal("0.985") == settings.risk.peg_min
    assert isinstance(settings.risk.peg_min, Decimal)
    assert isinstance(settings.app.capital, Decimal)
    assert isinstance(settings.triggers.atr_ratio_min, float)
    assert isinstance(settings.triggers.price_move.long_pct.bull, float)
    assert isinstance(settings.cycle.period_seconds, int)


def test_containers_and_enums_are_those_of_the_model() -> None:
    """Tuples, mappings by member, nested classes; nothing is left as it was in the file."""
    settings = load_settings(CONFIG, {}).settings

    assert ("BTC", "ETH", "SOL") == settings.universe.tiers["tier_1_core"].bases
    assert Decimal("1.2") == settings.regime.size_multiplier[Regime.BULL]
    assert settings.app.mode is Mode.DRY_RUN


def test_every_value_has_a_source() -> None:
    """File, environment, or code where the file may leave a key out."""
    sources = load_settings(CONFIG, {"TRADER_MODE": "PAPER"}).sources

    assert ("PAPER", "environment: TRADER_MODE") == sources["app.mode"]
    assert ("main", "app.yaml") == sources["app.account"]
    assert ("ETH", "universe.yaml") == sources["universe.tiers.tier_1_core.bases[1]"]
    assert ("0.01", "universe.yaml") == sources["universe.tiers.tier_3_dynamic.price_min"]
    assert ("0", "default in code") == sources["universe.tiers.tier_1_core.price_min"]
    assert (48, "policy.yaml") == sources["strategies.rules_engine.settings.rules[0].hold_hours_max"]
    assert {*FILES, "environment: TRADER_MODE", "default in code"} == {source for _, source in sources.values()}


def test_keys_come_in_the_order_of_the_files() -> None:
    """As a person reads them; what only the code says comes last."""
    sources = load_settings(CONFIG, {}).sources
    names = list(sources)
    first = [names[0], names[1], next(name for name in names if name.startswith("cycle."))]

    assert ["app.mode", "app.account", "cycle.period_seconds"] == first
    assert names == sorted(names, key=lambda name: sources[name].source == "default in code")


def test_mode_of_the_environment_is_in_force() -> None:
    """It overrules the file, and the digest knows."""
    plain, paper = load_settings(CONFIG, {}), load_settings(CONFIG, {"TRADER_MODE": "PAPER"})

    assert paper.settings.app.mode is Mode.PAPER
    assert plain.digest != paper.digest


def test_every_renamed_key_is_a_key_of_today() -> None:
    """A message that names a key which is not there would send its reader round in circles."""
    known = load_settings(CONFIG, {}).sources

    assert [] == [new for new in RENAMED.values() if not any(path.startswith(new.partition(",")[0]) for path in known)]
    assert [] == [old for old in RENAMED if old in known]
