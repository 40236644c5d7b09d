"""The words of docs/reliability.md, with places for what was measured."""

TEXT = """# Exactly once, tried out

Written by `make reliability`. The cycle and its adapters are those that run in Lambda: the ledger in DynamoDB, the
audit in S3, the switch in SSM (all by moto, reached through botocore), the venue the simulated one, over HTTP. Faults
strike at single requests, below the adapters and below the libraries they use, which ask again as they do in Lambda.
Time is virtual. After every cycle an outsider compares the venue's books, the stored items and the audit objects
(`tests/simulation/checker.py`), and looks at every order as it leaves.

## Sweeps

*crash*: at each request of a cycle the process dies before it, dies after it, or the answer is lost; a dead cycle is
started again at once, when its lease has run out, or never. *stall*: before each request the cycle freezes until its
lease has run out and the tick was redelivered, or the next tick came; then it wakes up. *twin*: before each request
the same tick is delivered once more. *wipe*: after a tick every item of the table is lost; `trader ledger
rebuild` makes it anew from the audit and the venue, and every field has to be as it was, caches of the market apart.
Each case is a history of its own, played to three quiet ticks after its end. *compared* cases had to end with the books
of the undisturbed history to the last digit; the others are held against the invariants alone, because there the
tick's decision may rightly be lost. A *recovery* is the second invocation of a tick whose first died after it had
committed its orders.

{sweeps}

The requests that were struck:

{struck}

## When something is not there

Observed: one thing is gone for a whole cycle, from its first request to its last, then all is well again. *placed* are
the orders that reached the venue meanwhile, *bare* the lots without protection after it.

{outages}

ERROR is an exception out of the function, and ABORTED is raised by the handler as well: the alarm on errors rings.

## If the venue is not what we take it for

Three things are assumed that nobody promises and that could only be tried with money: that the venue tells a client id
it has seen, for how long it does, and how soon a listing shows an order. Here each is made false, and the requests
that send an order are struck as above; or the request itself is lost. *doubled*: an order exists twice at the venue;
*noticed*: the audit log speaks of a mismatch.

{consequences}

An order whose answer was lost is looked for in the listing before it is sent again, under the same id: it takes a late
listing *and* a venue that does not know its ids for a second one.

## Every step of an order

A state machine of Hypothesis drives venue and reconciliation against a small model (`tests/simulation/order_life/`):
{life}.

## Faults kept on purpose

Each is put in place of the right line while tests run; `make mutants` also prints which ordinary tests it fails.

{mutants}

## Soaks

`make soak SECONDS=600 SEED=…`: random markets, every kind of fault switched on at random, the invariants after every
cycle. As printed by the runs that were recorded ([soak-runs.txt](soak-runs.txt)):

```text
{soaks}
```
"""
