"""Downloads from the simulated venue: what is kept, what is asked for again, and that no kill changes a byte."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from desk.backtest.data.coinbase import CoinbaseDownload, Downloaded, Interrupted, Progress, Wanted
from desk.backtest.data.folder import CandleFolderSource
from desk.backtest.data.metadata import read_metadata
from desk.errors import NotNow
from desk.folder_lock import lock_folder
from desk.in_memory import ManualClock
from desk.sandbox.market import PriceSource
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from factories_venue import SOL, START, a_product, a_simulation
from trader.adapters.coinbase.failures import NotFound
from trader.adapters.coinbase.limits import RateLimits, TimeoutPolicy, Timing
from trader.adapters.coinbase.market_data import BUCKETS_MAX, CoinbaseMarket, open_market
from trader.adapters.local.atomic_files import replace_bytes
from trader.errors import ConfigError, MalformedData, VenueProtocol, VenueThrottled, VenueUnavailable
from trader.model.ids import Instant, ProductId
from trader.model.market import Candle, Granularity, Product
from unit.desk.backtest.data.candles_on_disk import FIVE

BTC, DEAD = ProductId("BTC-USD"), ProductId("DEAD-USD")
BUCKETS = 600
FIRST = Instant(START - BUCKETS * 300)
#: Buckets in which nothing traded, by their number.
SILENT = {17, 400, 401, 402, 403}
TRADED = BUCKETS - len(SILENT)
FAST = RateLimits(public_per_second=10_000, parallel=4)


def a_path(price: float) -> list[Candle]:
    chance = random.Random(price)
    rows = []
    for at in range(BUCKETS + 1):
        close = round(price * (1 + chance.random() / 100), 2)
        rows.append(Candle(FIRST + at * 300, price, price * 1.01, price * 0.99, close, round(chance.random() * 99, 8)))
    return [row for at, row in enumerate(rows) if at not in SILENT]


PATHS = {SOL: a_path(100), BTC: a_path(50_000)}
WANTED = Wanted((SOL, BTC), FIVE, FIRST, START, gap_buckets=3)
INNER = Wanted((SOL,), FIVE, Instant(FIRST + 60_000), Instant(START - 60_000))


@dataclass
class Counted:
    """A market that is asked in earnest, and what it was asked."""

    market: CoinbaseMarket
    windows: list[tuple[int, int]] = field(default_factory=list)

    def candles(self, product_id: ProductId, granularity: Granularity, windows: Any) -> list[list[Candle]]:
        self.windows += windows
        return self.market.candles(product_id, granularity, windows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.market, name)


class World:
    """A venue on a socket, and a client of it."""

    def __init__(self, server: VenueServer, timeouts: TimeoutPolicy) -> None:
        self.venue = server.venue
        timing = Timing(sleep=lambda _: None)
        self.market = Counted(open_market(server.url, limits=FAST, timeouts=timeouts, timing=timing))

    def download(self, folder: Path, wanted: Wanted = WANTED, **changes: Any) -> tuple[Downloaded, ...]:
        given: dict[str, Any] = {"market": self.market, "folder": folder, "parallel": 1}
        return CoinbaseDownload(**(given | changes)).run(wanted)

    def advance(self, seconds: int) -> None:
        clock = self.venue.time.clock
        assert isinstance(clock, ManualClock)
        clock.advance(seconds)


@pytest.fixture
def world() -> Iterator[World]:
    yield from open_world()


def open_world(timeouts: TimeoutPolicy | None = None) -> Iterator[World]:
    series = {(product_id, FIVE): path for product_id, path in PATHS.items()}
    # A minute later the last bucket has settled.
    venue = Venue(PriceSource([a_product(SOL), a_product(BTC)], series), ManualClock(START), settings=a_simulation())
    with VenueServer(venue) as server:
        opened = World(server, timeouts or TimeoutPolicy())
        opened.advance(60)
        yield opened
        opened.market.market.close()


def look(folder: Path) -> dict[str, bytes]:
    """Every file with its bytes, but for the lock's."""
    files = (each for each in folder.rglob("*") if each.is_file() and each.name != ".running")
    return {str(each.relative_to(folder)): each.read_bytes() for each in files}


class Killed(BaseException):
    """The process is no more."""


@dataclass
class Disk:
    """Dies at a write: before it, in the middle of it, or after it."""

    dies_at: int
    way: str
    writes: int = 0

    def __call__(self, path: Path, content: bytes) -> None:
        self.writes += 1
        if self.writes != self.dies_at:
            replace_bytes(path, content)
            return
        if self.way == "middle":
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / f".{path.name}.x7_ab3k").write_bytes(content[: len(content) // 2])
        if self.way == "after":
            replace_bytes(path, content)
        raise Killed


def test_candles_arrive_as_the_venue_has_them(world: World, tmp_path: Path) -> None:
    """In the format that a folder of candles has, without the running bucket, and nothing filled in."""
    found = world.download(tmp_path)

    source = CandleFolderSource(tmp_path)
    assert [Downloaded(each, TRADED, found[0].gaps) for each in (SOL, BTC)] == list(found)
    assert (BTC, SOL) == source.products()
    for product_id, path in PATHS.items():
        columns = source.load(product_id, FIVE)
        assert [row.start for row in path[:-1]] == columns.start.tolist()
        assert [row.close for row in path[:-1]] == columns.close.tolist()
    assert {"BTC-USD-5m.asked.json", "BTC-USD-5m.csv.gz", "BTC-USD.product.json"} == {
        name for name in look(tmp_path) if name.startswith("BTC")
    }
    assert ["SOL-USD-5m.asked.json", "SOL-USD-5m.csv.gz", "SOL-USD.product.json"] == sorted(look(tmp_path))[3:]


def test_no_request_is_for_more_than_the_venue_grants(world: World, tmp_path: Path) -> None:
    """Each bucket is asked for once."""
    world.download(tmp_path, Wanted((SOL,), FIVE, FIRST, START), parallel=2)

    sizes = [(last - first) // 300 + 1 for first, last in world.market.windows]
    assert max(sizes) == BUCKETS_MAX == 349
    assert sum(sizes) == BUCKETS


def test_hole_longer_than_asked_about_is_reported(world: World, tmp_path: Path) -> None:
    """One of four buckets is, one of one is not: it may be that nothing traded."""
    (gap,) = world.download(tmp_path)[0].gaps

    assert (FIRST + 400 * 300, 4) == (gap.start, gap.buckets)
    assert "2026-11-21T19:20:00Z to 2026-11-21T19:40:00Z: 4 FIVE_MINUTE buckets" == str(gap)


def test_metadata_are_recorded_beside_the_candles(world: World, tmp_path: Path) -> None:
    """With the venue's time at which they were read."""
    world.download(tmp_path)

    recorded = read_metadata(tmp_path, SOL)
    assert recorded is not None
    assert START + 60 == recorded.read_at
    assert isinstance(recorded.product, Product)
    assert a_product(SOL).price_increment == recorded.product.price_increment


def test_progress_is_told_after_each_piece(world: World, tmp_path: Path) -> None:
    """In buckets of all products together, up to all of them; what was there before counts."""
    told: list[Progress] = []

    world.download(tmp_path / "a", on_progress=told.append)

    assert [each.done for each in told] == sorted(each.done for each in told)
    assert Progress(BTC, 2 * BUCKETS, 2 * BUCKETS, 2 * BUCKETS) == told[-1]


def test_bucket_that_may_still_change_is_not_taken(world: World, tmp_path: Path) -> None:
    """Neither the running one, nor one that closed a moment ago."""
    world.advance(299)

    world.download(tmp_path, Wanted((SOL,), FIVE, FIRST, Instant(START + 10_000)))
    assert START - 300 == CandleFolderSource(tmp_path).load(SOL, FIVE).start[-1]
    world.advance(1)
    world.download(tmp_path, Wanted((SOL,), FIVE, FIRST, Instant(START + 10_000)))
    assert START == CandleFolderSource(tmp_path).load(SOL, FIVE).start[-1]


def test_what_is_there_is_not_asked_for_again(world: World, tmp_path: Path) -> None:
    """Wider on both sides asks for what is new, and holes that were asked for are no reason to ask."""
    whole = replace(WANTED, product_ids=(SOL,))

    world.download(tmp_path / "a", INNER)
    world.market.windows.clear()
    first = world.download(tmp_path / "a", whole)
    asked = sum((last - start) // 300 + 1 for start, last in world.market.windows)
    again = world.download(tmp_path / "a", replace(INNER, gap_buckets=3))
    world.download(tmp_path / "b", whole)

    assert 400 == asked
    assert first == again
    assert look(tmp_path / "a") == look(tmp_path / "b")


def test_removed_candles_are_downloaded_again(world: World, tmp_path: Path) -> None:
    """That they were asked for once is not enough."""
    world.download(tmp_path)
    before = look(tmp_path)
    (tmp_path / "SOL-USD-5m.csv.gz").unlink()

    world.download(tmp_path)

    assert before == look(tmp_path)


@pytest.mark.parametrize("way", ["before", "middle", "after"])
@pytest.mark.parametrize("widens", [False, True], ids=["first", "widens"])
def test_no_kill_at_any_write_changes_a_byte(world: World, tmp_path: Path, way: str, *, widens: bool) -> None:
    """Killed at each write there is, and started again, it leaves the same files and nothing else."""
    whole = replace(INNER, start=FIRST, end=START)

    def begin(name: str) -> Path:
        if widens:
            world.download(tmp_path / name, INNER)
        return tmp_path / name

    counted = Disk(0, way)
    world.download(begin("whole"), whole, replace=counted)
    expected = look(tmp_path / "whole")
    for at in range(1, counted.writes + 1):
        folder = begin(str(at))
        with pytest.raises(Killed):
            world.download(folder, whole, replace=Disk(at, way))
        source = CandleFolderSource(folder)
        # No file that a reader would take is torn.
        assert all(len(source.load(each, FIVE)) for each in source.products())
        world.download(folder, whole)
        assert expected == look(folder)

    assert counted.writes >= 5


@pytest.mark.parametrize("seed", range(4))
def test_kills_and_faults_together_change_no_byte(world: World, tmp_path: Path, seed: int) -> None:
    """A venue that fails now and then, in turn, and a process that dies at random writes, widening meanwhile."""
    world.download(tmp_path / "whole")
    chance = random.Random(seed)
    faults = ["rate_limited_html", "internal_error", "bad_gateway", "timeout_before", "reset_before", "cut_off"]
    for each in faults:
        world.venue.faults.add(each, "GET", "/market", every=chance.randint(3, 9), count=0, seconds=0.01)

    kills = 0
    for _ in range(60):
        try:
            world.download(
                tmp_path / "torn", chance.choice([INNER, WANTED]), replace=Disk(chance.randint(1, 9), "middle")
            )
        except (Killed, VenueUnavailable, VenueThrottled):
            kills += 1
        if kills > 5:
            break
    world.venue.faults.clear()
    found = world.download(tmp_path / "torn")

    assert kills > 1
    assert [None, None] == [each.problem for each in found]
    assert look(tmp_path / "whole") == look(tmp_path / "torn")


def test_kill_while_pieces_are_removed_changes_nothing(world: World, tmp_path: Path) -> None:
    """The file is there already; what is left of them goes."""
    with pytest.raises(Killed):
        world.download(tmp_path / "torn", replace=Disk(6, "before"))
    left = next((tmp_path / "torn" / ".unfinished").rglob("*.csv"))
    content = left.read_bytes()
    world.download(tmp_path / "torn")
    expected = look(tmp_path / "torn")
    left.parent.mkdir(parents=True)
    left.write_bytes(content)

    world.download(tmp_path / "torn")

    assert expected == look(tmp_path / "torn")


def test_pieces_stay_when_the_venue_stops_answering(world: World, tmp_path: Path) -> None:
    """The next run asks for the rest only."""

    def go_down(_: Progress) -> None:
        world.venue.faults.add("unavailable", "GET", "/market/products", count=0)

    with pytest.raises(VenueUnavailable):
        world.download(tmp_path / "torn", on_progress=go_down)
    world.venue.faults.clear()
    kept, lost = world.market.windows
    world.market.windows.clear()
    world.download(tmp_path / "torn")
    first = [window for window in world.market.windows if window == kept]
    world.download(tmp_path / "whole")

    # Once, and that was for the other product.
    assert [kept] == first
    assert lost in world.market.windows
    assert look(tmp_path / "whole") == look(tmp_path / "torn")


def test_product_that_is_not_known_stops_no_other(world: World, tmp_path: Path) -> None:
    """It says why there is nothing of it."""
    dead, sol = world.download(tmp_path, Wanted((DEAD, SOL), FIVE, FIRST, START))

    assert isinstance(dead.problem, VenueProtocol)
    assert "DEAD-USD" in str(dead.problem)
    assert "DEAD-USD" in str(dead.without_metadata)
    assert (TRADED, None, None) == (sol.candles, sol.problem, sol.without_metadata)
    assert (SOL,) == CandleFolderSource(tmp_path).products()


@pytest.mark.parametrize(
    ("candle", "complaint"),
    [
        (Candle(FIRST + 1, 1, 1, 1, 1, 1), "start .* is not a multiple of 300"),
        (Candle(FIRST, 1, 1, 2, 1, 1), "is no candle"),
        (Candle(0, 1, 1, 1, 1, 1), "a candle of start 0 is not from 2026-11-20T10:00:00Z"),
    ],
)
def test_nonsense_is_not_stored(world: World, tmp_path: Path, candle: Candle, complaint: str) -> None:
    """The product says so; what was kept of it before stays."""

    class Odd(Counted):
        def candles(self, product_id: ProductId, granularity: Granularity, windows: Any) -> list[list[Candle]]:
            pages = super().candles(product_id, granularity, windows)
            return [[candle]] if product_id == SOL and len(self.windows) == 1 else pages

    sol, btc = world.download(tmp_path, market=Odd(world.market.market))

    assert sol.problem is not None
    assert re.search(complaint, str(sol.problem))
    assert btc.problem is None
    assert (BTC,) == CandleFolderSource(tmp_path).products()


class Twice(Counted):
    """Says some candles of each page twice, the second time perhaps with another price, and one too many."""

    factor = 1.0

    def candles(self, product_id: ProductId, granularity: Granularity, windows: Any) -> list[list[Candle]]:
        pages = super().candles(product_id, granularity, windows)
        after = [Candle(last + 300, 1, 1, 1, 1, 1) for _, last in windows]
        doubled = [[each._replace(volume=each.volume * self.factor) for each in page[:3]] for page in pages]
        return [[*page, *twice, more] for page, twice, more in zip(pages, doubled, after, strict=True)]


def test_candle_that_is_told_twice_is_kept_once(world: World, tmp_path: Path) -> None:
    """And a bucket beside those that were asked for is left out."""
    world.download(tmp_path / "once")
    world.download(tmp_path / "twice", market=Twice(world.market.market))

    assert look(tmp_path / "once") == look(tmp_path / "twice")


def test_candle_that_is_told_in_two_ways_is_not_stored(world: World, tmp_path: Path) -> None:
    """Nobody knows which one is true."""
    market = Twice(world.market.market)
    market.factor = 2

    for found in world.download(tmp_path, market=market):
        assert "does not follow" in str(found.problem)

    assert [] == list(tmp_path.glob("*.csv.gz"))


def test_what_goes_wrong_for_a_while_is_asked_for_again(world: World, tmp_path: Path) -> None:
    """An outage, and an answer without sense; who waits is told why and how long, and what is not known stays so."""
    world.download(tmp_path / "calm")
    told: list[tuple[str, float]] = []
    slept: list[float] = []
    world.venue.faults.add("unavailable", "GET", "/market/products/SOL-USD", count=8)

    class Odd(Counted):
        def candles(self, product_id: ProductId, granularity: Granularity, windows: Any) -> list[list[Candle]]:
            pages = super().candles(product_id, granularity, windows)
            odd = product_id == BTC and len(told) < 3
            return [[each._replace(low=each.high + 1) for each in page] for page in pages] if odd else pages

    changes: dict[str, Any] = {"pauses": (0.3, 5, 10), "sleep": slept.append}
    found = world.download(
        tmp_path / "rough",
        replace(WANTED, product_ids=(SOL, BTC, DEAD)),
        market=Odd(world.market.market),
        on_trouble=lambda error, pause: told.append((type(error).__name__, pause)),
        **changes,
    )

    assert [("VenueUnavailable", 0.3), ("VenueUnavailable", 5), ("MalformedData", 0.3)] == told
    assert pytest.approx(5.6) == sum(slept)
    assert max(slept) <= 0.2
    assert [None, None, NotFound] == [each.problem and type(each.problem) for each in found]
    assert look(tmp_path / "calm") == look(tmp_path / "rough")


def test_download_ends_before_the_next_piece_when_it_is_asked_to(world: World, tmp_path: Path) -> None:
    """Also while it waits; what was kept is not asked for again."""
    world.download(tmp_path / "whole")
    told: list[Progress] = []
    with pytest.raises(Interrupted):
        world.download(tmp_path / "ended", on_progress=told.append, is_stopped=lambda: len(told) == 1)
    world.venue.faults.add("unavailable", "GET", "/market/products/SOL-USD", count=4)
    slept: list[float] = []
    with pytest.raises(Interrupted):
        world.download(tmp_path / "ended", pauses=(60,), sleep=slept.append, is_stopped=lambda: len(slept) >= 2)
    world.download(tmp_path / "ended", on_progress=told.append)

    assert 0 < told[0].asked < told[0].total
    assert told[-1].done == told[-1].total > told[-1].asked
    assert look(tmp_path / "whole") == look(tmp_path / "ended")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_same_candles_in_another_file_are_refused(world: World, tmp_path: Path, ending: str) -> None:
    """Or there would be two of them, which no reader takes."""
    (tmp_path / f"SOL-USD-5m.{ending}").write_bytes(b"precious")

    with pytest.raises(ConfigError, match=rf"SOL-USD-5m\.{ending} has the same candles"):
        world.download(tmp_path)


def test_download_that_lost_candles_is_named(world: World, tmp_path: Path) -> None:
    """Rather than gone on with as if nothing had traded."""
    world.download(tmp_path, INNER)
    file = tmp_path / "SOL-USD-5m.csv.gz"
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    file.write_bytes(gzip.compress(b"".join(lines[:50] + lines[51:])))

    with pytest.raises(MalformedData, match=r"SOL-USD-5m.csv.gz: \d+ candles of the stretch that was asked for, but"):
        world.download(tmp_path)


def test_window_without_a_trade_leaves_no_file(world: World, tmp_path: Path) -> None:
    """Before it was listed; it is not asked for again."""
    wanted = Wanted((SOL,), FIVE, Instant(FIRST - 600_000), FIRST)

    assert (Downloaded(SOL),) == world.download(tmp_path, wanted)
    world.market.windows.clear()
    assert (Downloaded(SOL),) == world.download(tmp_path, wanted)

    assert [] == world.market.windows
    assert () == CandleFolderSource(tmp_path).products()


def test_socket_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    """Within the client's time-outs, and asked again."""
    with contextmanager(open_world)(TimeoutPolicy(answer_seconds=0.3)) as world:
        rule = world.venue.faults.add("slow", "GET", "/market/products/SOL-USD/candles", nth=1, seconds=60)

        (found,) = world.download(tmp_path, Wanted((SOL,), FIVE, FIRST, START))

    assert (1, TRADED) == (rule.fired, found.candles)


def test_window_in_the_future_is_refused(world: World, tmp_path: Path) -> None:
    """There is no closed bucket in it."""
    with pytest.raises(ConfigError, match="from 2026-11-22T12:00:00Z to 2026-11-22T13:00:00Z is closed"):
        world.download(tmp_path, Wanted((SOL,), FIVE, START, Instant(START + 3600)))


def test_file_of_others_is_not_overwritten(world: World, tmp_path: Path) -> None:
    """Nobody knows what was asked for it."""
    (tmp_path / "SOL-USD-5m.csv.gz").write_bytes(b"precious")

    with pytest.raises(ConfigError, match=r"SOL-USD-5m\.csv\.gz is no download"):
        world.download(tmp_path)

    assert b"precious" == (tmp_path / "SOL-USD-5m.csv.gz").read_bytes()


@pytest.mark.parametrize("text", ["", "[]", '{"start": 1, "end": 2, "candles": 0}', '{"start": 300, "end": 0}'])
def test_damaged_note_of_what_was_asked_is_named(world: World, tmp_path: Path, text: str) -> None:
    """Rather than guessed."""
    (tmp_path / "SOL-USD-5m.asked.json").write_text(text)

    with pytest.raises(MalformedData, match=r"SOL-USD-5m\.asked\.json"):
        world.download(tmp_path)


def test_two_downloads_into_one_folder_are_refused(world: World, tmp_path: Path) -> None:
    """They would remove one another's pieces."""
    with lock_folder(tmp_path), pytest.raises(NotNow):
        world.download(tmp_path)
