"""JSONata beside the reference implementation, on expressions that dice make.

STEPWELL_JSONATA_EXPRESSIONS=200000 makes the run long; then new differences are likely, and each is a finding:
`differential.py` shows them.
"""

import os

import pytest
from differential import DIALECTS, KNOWN, Unavailable, compare, shown

COUNT = int(os.environ.get("STEPWELL_JSONATA_EXPRESSIONS", "1500"))
BATCH = 2000


@pytest.mark.parametrize("dialect", DIALECTS)
def test_expressions_give_what_the_reference_gives(dialect):
    differences, compared = [], 0
    for seed in range(1, COUNT + 1, BATCH):
        try:
            found, number = compare(dialect, seed, min(BATCH, COUNT + 1 - seed))
        except Unavailable as reason:
            pytest.skip(str(reason))
        differences += [pair for pair in found if pair[0] not in KNOWN[dialect]]
        compared += number
    print(f"{compared} expressions compared with jsonata-js, dialect {dialect}")
    assert compared > COUNT * 0.5, "the generator makes the same again and again"
    assert not differences, "\n".join(map(shown, differences[:20]))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_known_to_differ_does(dialect):
    known = KNOWN[dialect]
    if not known:
        return
    try:
        found, _ = compare(dialect, 0, 0, list(known))
    except Unavailable as reason:
        pytest.skip(str(reason))
    alike = set(known) - {pair[0] for pair in found}
    assert not alike, f"no difference any more: {alike}"


def test_a_difference_is_found():
    # The input has no member `missing`, but an answer in its place must not pass.
    from differential import alike

    assert alike({"gives": {"a": 1.0, "b": [None]}}, {"gives": {"a": 1.0, "b": [None]}})
    assert not alike({"gives": {"a": 1.0, "b": 2.0}}, {"gives": {"b": 2.0, "a": 1.0}})
    assert not alike({"gives": True}, {"gives": 1.0})
    assert not alike({"nothing": True}, {"gives": None})
    assert not alike({"fails": {"code": "T2001", "message": "x"}}, {"fails": "T2002: x"})
    assert alike({"fails": {"code": "T0410", "message": 'Argument 1 of function "map" x'}}, {"fails": 'T0410: Argument 1 of function "sum" x'})
    assert not alike({"fails": {"code": "T0410", "message": 'Argument 2 of function "map" x'}}, {"fails": 'T0410: Argument 1 of function "map" x'})
    assert not alike({"refused": {"code": "S0201", "message": "x"}}, {"fails": "T2001: x"})
