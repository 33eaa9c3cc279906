"""Seeded random calls on an index with columns, against plain dicts and the oracle of conditions.

As `test_model`, whose shortening of what finds something it uses; here it is columns that matter.
``python tests/index/test_columns_model.py FIRST LAST STEPS`` runs more of them.
"""

from __future__ import annotations

import pickle
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors
from nearfield._expressions.nodes import (
    And,
    Between,
    Compare,
    Expression,
    Flag,
    Has,
    In,
    IsNull,
    Not,
    Or,
    Registered,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.index.expression_oracle import GENRES, KINDS, MARKETS, evaluate
from tests.index.expression_strategies import BROKEN, FILTERS, MOMENTS, OPS, ROW_NUMBERS, WHOLE
from tests.index.test_model import Step, shortened

STEPS = 40
MOST_ID = 250
WORDS = (*MARKETS, "", "other", "日本")
TAGS = (*GENRES, "jazz", "")
DTYPES = {
    "explicit": "?", "tiny": "i1", "year": "i2", "plays": "i8", "rating": "f4", "score": "f8",
    "released": "M8[us]",
}  # fmt: skip


def random_value(rng: random.Random, column: str) -> Any:
    """A value of a column, or None in a quarter of cases."""
    if rng.random() < 0.25:
        return None
    kind = KINDS[column]
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "category":
        return rng.choice(WORDS)
    if kind == "tags":
        return sorted(rng.sample(TAGS, rng.randrange(4)))
    return rng.choice(ROW_NUMBERS[column])


def as_given(column: str, values: list[Any]) -> Any:
    """Values as an index takes them: arrays of the column's type, lists of words and tags."""
    if column not in DTYPES:
        return values
    filled = [0 if one is None else one for one in values]
    array = np.array(filled, "i8").view("M8[us]") if column == "released" else np.array(
        filled, DTYPES[column]
    )  # fmt: skip
    return np.ma.MaskedArray(array, mask=[one is None for one in values])


def as_read(column: str, values: Any) -> list[Any]:
    """Values as the model has them."""
    if column == "released":
        microseconds = np.ma.MaskedArray(values.data.view("i8"), mask=values.mask)
        return list(microseconds.tolist())
    return [list(one) if isinstance(one, tuple) else one for one in values.tolist()]


def random_leaf(rng: random.Random, columns: list[str]) -> Expression:
    """A condition that fits."""
    if rng.random() < 0.1:
        return Registered(rng.choice(list(FILTERS)))
    column = rng.choice([*columns, "id"])
    kind = KINDS.get(column, "id")
    if rng.random() < 0.15:
        return IsNull(column)
    if kind == "bool":
        return Flag(column) if rng.random() < 0.5 else Compare(
            column, rng.choice(OPS[:2]), rng.random() < 0.5
        )  # fmt: skip
    if kind == "tags":
        some = tuple(rng.sample((*TAGS, "none"), rng.randrange(4)))
        return Has(column, rng.choice(("any", "all")), some)
    if kind == "category":
        words = (*WORDS, "none")
        if rng.random() < 0.5:
            return In(column, tuple(rng.sample(words, rng.randrange(4))))
        return Compare(column, rng.choice(OPS[:2]), rng.choice(words))

    def value() -> Any:
        if kind == "timestamp":
            return rng.choice(MOMENTS)
        if kind == "id":
            return rng.randrange(MOST_ID)
        return rng.choice((*ROW_NUMBERS[column], *WHOLE, *BROKEN[1:-1], 0.5))

    def finite() -> Any:
        found = value()
        while found in (float("inf"), float("-inf")):
            found = value()
        return found

    shape = rng.randrange(4)
    if shape == 0:
        return Between(column, finite(), finite())
    if shape == 1:
        return In(column, tuple(finite() for _ in range(rng.randrange(5))))
    return Compare(column, rng.choice(OPS), finite())


def random_tree(rng: random.Random, columns: list[str], depth: int = 3) -> Expression:
    """And, Or and Not above leaves."""
    if depth == 0 or rng.random() < 0.3:
        return random_leaf(rng, columns)
    if rng.random() < 0.3:
        return Not(random_tree(rng, columns, depth - 1))
    terms = tuple(random_tree(rng, columns, depth - 1) for _ in range(rng.randrange(2, 4)))
    return And(terms) if rng.random() < 0.5 else Or(terms)


class Walk:
    """An index, its model and the steps; every public method but `check` is a kind of step."""

    def __init__(self, folder: Path) -> None:
        self.rng = random.Random(0)
        self.folder = folder
        self.index: Any = nf.Index("euclidean", 2, M=3, ef_construction=6)
        for name, ids in FILTERS.items():
            self.index.filters[name] = nf.IdSet(ids)
        self.rows: dict[int, dict[str, Any]] = {}
        self.hidden: set[int] = set()
        self.columns: list[str] = []

    # --- what steps need ---

    def _some_columns(self) -> list[str]:
        return self.rng.sample(list(KINDS), self.rng.randrange(len(KINDS)))

    def _values(self, columns: list[str], rows: int) -> dict[str, list[Any]]:
        return {name: [random_value(self.rng, name) for _ in range(rows)] for name in columns}

    def _learn(self, given: dict[str, list[Any]]) -> None:
        """A column is made by an array, or by the first value of a list."""
        for name, values in given.items():
            if name not in self.columns and (
                name in DTYPES or any(one is not None for one in values)
            ):
                self.columns.append(name)

    def _put(self, ids: list[int], given: dict[str, list[Any]], keep: bool = False) -> None:
        known = set(self.rows) if keep else set()
        for place, id in enumerate(ids):
            if id in known:
                continue
            row = self.rows.pop(id, {"id": id})
            self.rows[id] = row | {name: values[place] for name, values in given.items()}
            self.hidden.discard(id)
            if keep:
                known.add(id)

    def _batch(self) -> tuple[list[int], Any, dict[str, list[Any]]]:
        n = self.rng.randrange(1, 40)
        ids = [self.rng.randrange(MOST_ID) for _ in range(n)]
        given = self._values(self._some_columns(), n)
        return ids, np.array([[self.rng.random(), self.rng.random()] for _ in ids]), given

    def _as_given(self, given: dict[str, list[Any]]) -> dict[str, Any]:
        return {name: as_given(name, values) for name, values in given.items()}

    # --- steps ---

    def add(self) -> None:
        ids, vectors, given = self._batch()
        call = self.index.add_items if self.rng.random() < 0.5 else self.index.upsert
        call(vectors, ids, columns=self._as_given(given))
        # Of equal ids in one call the last row wins, and has values of that row alone.
        self._put_last(ids, given)
        self._learn(given)

    def _put_last(self, ids: list[int], given: dict[str, list[Any]]) -> None:
        last = {id: place for place, id in enumerate(ids)}
        kept = sorted(last.values())
        some = {name: [values[place] for place in kept] for name, values in given.items()}
        self._put([ids[place] for place in kept], some)

    def add_keeping(self) -> None:
        ids, vectors, given = self._batch()
        self.index.add_items(vectors, ids, columns=self._as_given(given), on_conflict="keep")
        self._put(ids, given, keep=True)
        self._learn(given)

    def add_in_chunks(self) -> None:
        """Rows with and without columns; those of one kind wait for each other."""
        chunks, told = [], []
        for _ in range(self.rng.randrange(1, 4)):
            ids, vectors, given = self._batch()
            columns = self._as_given(given)
            chunks.append((ids, vectors, columns) if given else (ids, vectors))
            told.append((ids, given))
        self.index.upsert(iter(chunks))
        for ids, given in self._joined(told):
            self._put_last(ids, given)
            self._learn(given)

    def _joined(self, told: list[Any]) -> list[Any]:
        """Chunks that name the same columns are one call."""
        calls: list[Any] = []
        for ids, given in told:
            if calls and set(calls[-1][1]) == set(given):
                before_ids, before = calls[-1]
                calls[-1] = before_ids + ids, {name: before[name] + given[name] for name in before}
            else:
                calls.append((ids, given))
        return calls

    def add_automatic(self) -> None:
        n = self.rng.randrange(1, 20)
        given = self._values(self._some_columns(), n)
        ids = self.index.add_items(np.zeros((n, 2)), columns=self._as_given(given))
        self._put(ids, given)
        self._learn(given)

    def set_columns(self) -> None:
        ids = [self.rng.randrange(MOST_ID) for _ in range(self.rng.randrange(30))]
        given = self._values(self._some_columns(), len(ids))
        missing = not set(ids) <= set(self.rows)
        if missing and self.rng.random() < 0.3:
            before = bytes(self.index)
            with pytest.raises(errors.UnknownId):
                self.index.set_columns(ids, self._as_given(given))
            assert bytes(self.index) == before
            return
        rule = "ignore" if missing else "raise"
        changed = self.index.set_columns(ids, self._as_given(given), if_missing=rule)
        assert changed == len(set(ids) & set(self.rows))
        for place, id in enumerate(ids):
            if id in self.rows:
                self.rows[id] |= {name: values[place] for name, values in given.items()}
        self._learn(given)

    def drop(self) -> None:
        if not self.columns:
            return
        name = self.rng.choice(self.columns)
        self.index.drop_column(name)
        self.columns.remove(name)
        for row in self.rows.values():
            row.pop(name, None)

    def mark(self) -> None:
        live = [id for id in self.rows if id not in self.hidden]
        if live:
            id = self.rng.choice(live)
            self.index.mark_deleted(id)
            self.hidden.add(id)

    def unmark(self) -> None:
        if self.hidden:
            id = self.rng.choice(sorted(self.hidden))
            self.index.unmark_deleted(id)
            self.hidden.discard(id)

    def remove(self) -> None:
        share = self.rng.choice((0.05, 0.2, 0.6, 1.0))
        gone = [id for id in self.rows if self.rng.random() < share]
        self.index.remove(gone)
        for id in gone:
            del self.rows[id]
            self.hidden.discard(id)

    def repair(self) -> None:
        self.index.repair()

    def compact(self) -> None:
        self.index.compact()

    def reload(self) -> None:
        way = self.rng.randrange(4)
        path = self.folder / "columns.nf"
        if way == 0:
            self.index = nf.Index.load(bytes(self.index))
        elif way == 1:
            self.index = pickle.loads(pickle.dumps(self.index))
        else:
            self.index.save(path)
            self.index = nf.Index.load(path, mmap=way == 2)

    def ask(self) -> None:
        """Conditions, by counting and by a query that returns all that pass."""
        live = {id: row for id, row in self.rows.items() if id not in self.hidden}
        for _ in range(4):
            tree = random_tree(self.rng, self.columns)
            passing = evaluate(tree, list(live.values()), FILTERS)
            expected = {id for id, passes in zip(live, passing, strict=True) if passes}
            compiled = self.index.compile(tree)
            assert compiled.count == len(expected), compiled
            left_out = {self.rng.randrange(MOST_ID) for _ in range(self.rng.choice((0, 5)))}
            names = self.rng.sample(self.columns, min(2, len(self.columns)))
            found = self.index.query(
                [0.5, 0.5], len(live) + 1, where=compiled, exclude=left_out, columns=names,
                if_short="pad",
            )  # fmt: skip
            ids = found.ids[: int(found.counts)].tolist()
            assert sorted(ids) == sorted(expected - left_out), compiled
            for name in names:
                read = as_read(name, found.columns[name])
                wanted = [live[id].get(name) for id in ids]
                assert read == wanted + [None] * (len(read) - len(ids)), name

    def check(self) -> None:
        ids = list(self.rows)
        assert self.index.num_elements == len(ids)
        assert set(self.index.columns) == set(self.columns)
        for name, info in self.index.columns.items():
            assert info.type == KINDS[name]
        for name, values in self.index.get_columns(ids).items():
            assert as_read(name, values) == [self.rows[id].get(name) for id in ids], name


WEIGHTS = {
    "add": 4, "add_keeping": 1, "add_in_chunks": 2, "add_automatic": 1, "set_columns": 4, "drop": 1,
    "mark": 1, "unmark": 1, "remove": 2, "repair": 1, "compact": 1, "reload": 1, "ask": 6,
}  # fmt: skip


def sequence(seed: int, steps: int) -> list[Step]:
    """Draw a sequence of steps."""
    rng = random.Random(seed)
    names = rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=steps)
    return [(name, rng.randrange(2**32)) for name in names]


def play(steps: list[Step], folder: Path) -> None:
    """Take all steps, looking at all values after every fourth."""
    walk = Walk(folder)
    for number, (name, seed) in enumerate(steps):
        walk.rng = random.Random(seed)
        getattr(walk, name)()
        if number % 4 == 3:
            walk.check()
    walk.check()


def error_of(steps: list[Step], folder: Path) -> str | None:
    """Say what a sequence finds; None when that is nothing."""
    try:
        play(steps, folder)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:500]
    return None


def run(seed: int, folder: Path, steps: int = STEPS) -> str | None:
    """Make one random sequence of calls; say what it finds, by the shortest part that does."""
    drawn = sequence(seed, steps)
    if error_of(drawn, folder) is None:
        return None
    short = shortened(drawn, lambda some: error_of(some, folder) is not None)
    return f"seed {seed}: {error_of(short, folder)}\nsteps = {short}"


@pytest.mark.parametrize("seed", range(30))
def test_columns_are_those_of_dicts(seed: int, tmp_path: Path) -> None:
    found = run(seed, tmp_path)
    assert found is None, found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(int(sys.argv[1]), int(sys.argv[2])):
            found = run(seed, Path(folder), int(sys.argv[3]))
            if found is not None:
                sys.stdout.write(found + "\n")
