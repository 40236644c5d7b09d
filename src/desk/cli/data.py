"""``trader data``: candles of the venue into a folder, what a folder has, and what is wrong with it."""

from __future__ import annotations

import json
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from desk.cli.cycle import explain_failure
from desk.cli.data_screen import DownloadScreen, print_downloads, print_files, tell_gaps
from desk.cli.exit_codes import ExitCode
from desk.cli.market_options import AskedVenueOption, GranularityOption, read_length, read_market_instant, read_products
from desk.cli.options import CONFIG_DIR, AsJson, ConfigDir, open_console, read_settings
from desk.counting import write_count
from desk.location import check_folder as check_place
from desk.markets.candle_files import SUFFIXES
from desk.stop import StopRequest
from trader.adapters.coinbase.http import BASE_URL
from trader.adapters.coinbase.market_data import open_market
from trader.adapters.local.clock import SystemClock
from trader.errors import ConfigError, DataError, TraderError, VenueError
from trader.model.ids import Instant, ProductId, rfc3339
from trader.settings import Settings
from trader.settings.app import Mode

if TYPE_CHECKING:
    from desk.backtest.data.coinbase import Downloaded, Wanted
    from desk.backtest.data.gaps import Gap

#: How long a download waits before it asks again, in seconds, where the client's own repetitions were in vain.
_PAUSES = (2.0, 10.0, 30.0, 60.0)
#: So many faults are printed; all of them with --json.
_SHOWN = 100
_SUFFIX_OF = {granularity: suffix for suffix, granularity in SUFFIXES.items()}

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of <PRODUCT>-<granularity>.csv.gz.")]


def register(app: typer.Typer) -> None:
    """Add ``trader data …``."""
    group = typer.Typer(help="Download candles, list them, and check them.", no_args_is_help=True)
    group.command("download")(download)
    group.command("list")(list_files)
    group.command("check")(check)
    app.add_typer(group, name="data")


def download(
    out: Annotated[Path, typer.Option("--out", help="Folder they are written into; it may have some already.")],
    start: Annotated[str, typer.Option("--from", help="First candle, a day or an instant.")],
    end: Annotated[str | None, typer.Option("--to", help="Where candles end, a day or an instant; now if not.")] = None,
    products: Annotated[
        str | None, typer.Option("--products", help="As BTC-USD,ETH-USD; those the configuration lists without it.")
    ] = None,
    granularity: GranularityOption = None,
    venue: AskedVenueOption = BASE_URL,
    config: ConfigDir = CONFIG_DIR,
) -> None:
    """Download candles, as trader backtest and trader run read them, and what the venue tells of the products.

    Needs no key. Ended anywhere and typed again, the same command goes on where it was; what is there is not asked for
    again, also by a wider window. What the venue may still change is left for the next time.
    """
    # No other command, and no --help, waits for what this needs.
    from desk.backtest.data.coinbase import Wanted

    check_place(out, "--out")
    now = SystemClock().now()
    first, last = read_market_instant(start, "--from"), now if end is None else read_market_instant(end, "--to")
    if first >= last:
        raise ConfigError(f"--from {start} must be before --to {rfc3339(last) if end is None else end}")
    named: Sequence[ProductId] = read_products(products)
    length = read_length(granularity)
    if not named or length is None:
        settings = read_settings(config, Mode.PAPER)
        named, length = named or _list_products(settings), length or settings.bars.granularity
    wanted = Wanted(named, length, first, last)
    names = ", ".join(named) if len(named) < 6 else write_count(len(named), "product")
    _say(f"starting {names}, {length}, from {rfc3339(first)} to {rfc3339(last)}, into {out}")
    found = _download(wanted, out, venue)
    print_downloads(open_console(), found)
    problems = [f"{each.product_id}: {problem}" for each in found for problem in _list_problems(each)]
    if problems:
        raise DataError(f"{'; '.join(problems)}; to ask for them again: {_name_command()}")
    suffix, folder = _SUFFIX_OF[length], shlex.quote(str(out))
    _say(f"next: trader data check {folder}")
    _say(
        f"      trader backtest --candles {folder} --granularity {suffix} --from {rfc3339(first)} --to {rfc3339(last)}"
    )


def list_files(folder: FolderArgument, as_json: AsJson = False) -> None:
    """List the files of a folder: products, bars, first and last candle, gaps, and the digest that sha256sum prints.

    Only when candles are is read; trader data check looks at all of them. Ends with 1 if a file cannot be read.
    """
    from desk.backtest.data.inspection import list_folder

    files = list(list_folder(folder))
    if as_json:
        rows = [
            {
                "product": each.file.product_id,
                "granularity": each.file.granularity,
                "file": each.file.path.name,
                "first": rfc3339(Instant(each.starts[0])) if each.starts else None,
                "last": rfc3339(Instant(each.starts[-1])) if each.starts else None,
                "candles": len(each.starts),
                "gaps": len(each.gaps),
                "missing": sum(gap.buckets for gap in each.gaps),
                "size": each.size,
                "sha256": each.digest,
                "problem": each.problem or None,
            }
            for each in files
        ]
        print(json.dumps({"folder": str(folder), "files": rows}, ensure_ascii=False))
    else:
        print_files(open_console(), folder, files)
    if problems := [each.problem for each in files if each.problem]:
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise DataError(f"{problems[0]}{more} → trader data check {shlex.quote(str(folder))}")


def check(
    folder: FolderArgument,
    gap: Annotated[
        int | None, typer.Option("--max-gap", min=0, help="A hole of more buckets than this is a fault; none without.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every file: order, doubles, candles that are open, prices that contradict one another, odd names and units.

    A line for each fault, with file, line and value. What is named is what the commands that read candles refuse. A
    bucket that is not there is none: nothing traded, or the venue was down. Ends with 1 if there is a fault.
    """
    from desk.backtest.data.inspection import check_folder

    checked = check_folder(folder, SystemClock().now(), gap)
    if as_json:
        holes = {each.name: [_encode_gap(gap) for gap in gaps] for each, gaps in checked.gaps.items()}
        told = {"folder": str(folder), "files": checked.files, "candles": checked.candles}
        lists = {"faults": checked.faults, "gaps": holes, "unfinished": checked.unfinished}
        print(json.dumps({**told, **lists}, ensure_ascii=False))
    else:
        for fault in checked.faults[:_SHOWN]:
            print(fault)
        if len(checked.faults) > _SHOWN:
            print(f"{len(checked.faults) - _SHOWN} more; --json lists them")
        for path, gaps in checked.gaps.items():
            print(f"gaps: {path.name}: {tell_gaps(gaps)}")
        for name in checked.unfinished:
            print(f"unfinished: {name}; the download it is of goes on with it")
        counts = f"{write_count(checked.files, 'file')}, {write_count(checked.candles, 'sound candle')}"
        print(f"{folder}: {counts}, {write_count(len(checked.faults), 'fault')}")
    if checked.faults:
        raise typer.Exit(ExitCode.WRONG)


def _download(wanted: Wanted, out: Path, venue: str) -> Sequence[Downloaded]:
    from desk.backtest.data.coinbase import CoinbaseDownload, Interrupted

    market, stop = open_market(venue), StopRequest()
    try:
        with stop.listen(), _telling_how_to_go_on(venue), DownloadScreen() as screen:
            return CoinbaseDownload(
                market,
                out,
                on_progress=screen.show,
                pauses=_PAUSES,
                on_trouble=screen.tell_trouble,
                is_stopped=lambda: stop.is_asked,
            ).run(wanted)
    except Interrupted:
        name = "interrupted" if stop.signal is signal.SIGINT else "ended"
        _say(f"{name} after {screen.told}; what is there stays")
        _say(f"the same command goes on: {_name_command()}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    finally:
        market.close()


@contextmanager
def _telling_how_to_go_on(venue: str) -> Iterator[None]:
    try:
        yield
    except (VenueError, DataError) as error:
        reason = explain_failure(str(error), venue)
        raise type(error)(f"{reason}; what is there stays, and the same command goes on: {_name_command()}") from error


def _list_products(settings: Settings) -> Sequence[ProductId]:
    bases = [base for _, tier in sorted(settings.universe.tiers.items()) for base in tier.bases]
    listed = [ProductId(f"{base}-{settings.app.accounting_asset}") for base in bases]
    return tuple(dict.fromkeys([*listed, ProductId(settings.bars.benchmark)]))


def _list_problems(found: Downloaded) -> Iterator[TraderError]:
    if found.problem is not None:
        yield found.problem
    elif found.without_metadata is not None:
        yield found.without_metadata


def _encode_gap(gap: Gap) -> dict[str, object]:
    return {"first": rfc3339(gap.start), "end": rfc3339(gap.end), "buckets": gap.buckets}


def _name_command() -> str:
    return shlex.join(["trader", *sys.argv[1:]])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
