"""``nearfield query`` under conditions and sets, with columns shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import Run, said
from tests.cli.every_column import ROWS, build, build_all, rows, write_items


@pytest.fixture
def items(tmp_path: Path) -> Path:
    return write_items(tmp_path / "items.parquet")


@pytest.fixture
def built(tmp_path: Path, items: Path, run: Run) -> Path:
    return build_all(run, items, tmp_path / "x.nf")


@pytest.fixture
def query(tmp_path: Path) -> Path:
    np.save(tmp_path / "q.npy", rows()[:2])
    return tmp_path / "q.npy"


def ids_of(done: Any) -> list[list[int]]:
    found = said(done)["queries"]
    return [[one["id"] for one in each["neighbors"]] for each in found]


def test_where_leaves_out_and_show_shows(built: Path, query: Path, run: Run) -> None:
    asked = ("query", built, "--queries", query, "-k", 5, "--where", "market = $m and year > 1900")
    done = run(*asked, "--param", "m=SE", "--show", "market,year,genres,seen", "--json")
    index = nf.load(built)
    expected = index.query(np.load(query), 5, query_ef=100, where="market = 'SE' and year > 1900")
    assert ids_of(done) == expected.ids.tolist()
    first = said(done)["queries"][0]["neighbors"][0]
    values = index.get_columns([first["id"]], ["market", "year", "genres", "seen"])
    seen = values["seen"].tolist()[0]
    genres = values["genres"].tolist()[0]
    assert first["columns"] == {
        "market": "SE",
        "year": values["year"].tolist()[0],
        "genres": None if genres is None else list(genres),
        "seen": None if seen is None else seen.isoformat(),
    }
    lines = run(*asked, "--param", "m=SE", "--jsonl").out.splitlines()
    assert [json.loads(line)["query"] for line in lines] == [0, 1]
    assert "columns" not in json.loads(lines[0])["neighbors"][0]


def test_a_table_has_the_columns_behind_the_distance(tmp_path: Path, run: Run) -> None:
    index = nf.Index(nf.Space.Euclidean, 1)
    index.add_items(
        [[0], [1], [2]], columns={"market": ["SE", None, "N\tO"], "genres": [["b", "a"], [], None]}
    )
    index.save(tmp_path / "x.nf")
    np.save(tmp_path / "q.npy", np.zeros((1, 1)))
    done = run("query", tmp_path / "x.nf", "--queries", tmp_path / "q.npy", "--show", "all")
    assert done.out.splitlines() == [
        "query\trank\tid\tdistance\tmarket\tgenres",
        "0\t1\t0\t0\tSE\ta, b",
        "0\t2\t1\t1\t\t",
        "0\t3\t2\t4\tN\\tO\t",
    ]


@pytest.mark.parametrize(
    ("param", "where"),
    [
        ("x=1990", "year = $x"),
        ("x=[1990, 2024]", "year in $x"),
        ("x=true", "explicit = $x"),
        ('x="SE"', "market = $x"),
        ("x=日本", "market = $x"),
        ('x=["SE", "NO"]', "market in $x"),
        ("x=0.1", "rating = $x"),
        ("x=2024-05-01T12:30:00.000007Z", "seen = $x"),
        ("$x=dub", "genres has $x"),
        ("x=[7, 8]", "id in $x"),
        ("x=null", "market != $x"),
        ("x=NaN", "market != $x"),
        ("x=", "market != $x"),
        ("x=a=b", "market != $x"),
    ],
)
def test_values_of_parameters(built: Path, query: Path, run: Run, param: str, where: str) -> None:
    done = run(
        "query", built, "--queries", query, "--where", where, "--param", param, "-k", ROWS, "--json"
    )
    assert len(ids_of(done)[0]) > 0


@pytest.mark.parametrize(
    ("where", "params", "words"),
    [
        (
            "market == 'SE'",
            (),
            "write = for equality\n    market == 'SE'\n           ^^\n",
        ),
        ("mraket = 'SE'", (), "there is no column 'mraket'"),
        ("mraket = 'SE'", (), "did you mean market?"),
        ("year = 'x'", (), "compared with numbers"),
        ("year = $y", (), "there is no value for $y"),
        ("year > 1", ("y=1",), "params: holds 'y', which the expression does not use"),
        ("year = $y", ("y=abc",), "params['y'] is 'abc'; year is an int16"),
        ("year = $y", ("y=[1]",), "expected one value here"),
        ("year in $y", ("y=[[1]]",), "params['y']"),
        ("$clean", (), "there is no registered filter 'clean'"),
    ],
)
def test_faults_of_conditions_are_marked(
    built: Path, query: Path, run: Run, where: str, params: tuple[str, ...], words: str
) -> None:
    given = [part for one in params for part in ("--param", one)]
    done = run("query", built, "--queries", query, "--where", where, *given)
    assert (done.code, done.out) == (3, "")
    assert words in done.err
    assert "Traceback" not in done.err


def test_wrong_use_is_told(built: Path, query: Path, run: Run) -> None:
    ask = ("query", built, "--queries", query)
    for options in (
        ("--param", "a=1"),
        ("--where", "year = $a", "--param", "a"),
        ("--where", "year = $a", "--param", "=1"),
        ("--where", "year = $a", "--param", "a=1", "--param", "a=2"),
        ("--show", "a,"),
    ):
        assert run(*ask, *options).code == 2, options
    done = run(*ask, "--show", "years")
    assert (done.code, "'years', which is no column" in done.err) == (3, True)


def test_sets_of_ids_in_files(tmp_path: Path, built: Path, query: Path, run: Run) -> None:
    gone = list(range(7, 150))
    (tmp_path / "gone.txt").write_text("\n".join(map(str, gone)))
    np.save(tmp_path / "gone.npy", np.array(gone))
    (tmp_path / "gone.roaring").write_bytes(nf.IdSet(gone).to_bytes())
    pq.write_table(pa.table({"them": gone}), tmp_path / "gone.parquet")
    expected = nf.load(built).query(np.load(query), 4, query_ef=100, exclude=gone).ids.tolist()
    inside = nf.load(built).query(np.load(query), 4, query_ef=100, allow=gone).ids.tolist()
    for name in ("gone.txt", "gone.npy", "gone.roaring", "gone.parquet:them"):
        ask = ("query", built, "--queries", query, "-k", 4, "--json")
        assert ids_of(run(*ask, "--exclude", tmp_path / name)) == expected
        assert ids_of(run(*ask, "--allow", tmp_path / name)) == inside
    both = run(*ask, "--allow", tmp_path / "gone.txt", "--exclude", tmp_path / "gone.npy")
    assert ids_of(both) == [[], []]
    (tmp_path / "bad.roaring").write_bytes(b"no bitmap")
    (tmp_path / "bad.txt").write_text("seven")
    for name, words in (
        ("bad.roaring", "bad.roaring cannot be read as a serialised Roaring bitmap"),
        ("bad.txt", "bad.txt names 'seven', but x.nf has integer ids"),
        ("gone.parquet", "gone.parquet has columns; name the one of the ids"),
        ("gone.parquet:other", "no column 'other'"),
        ("missing.txt", "missing.txt is not there"),
        ("missing.roaring", "missing.roaring cannot be read: No such file"),
    ):
        done = run(*ask, "--exclude", tmp_path / name)
        assert words in done.err
        assert done.code == (1 if "missing" in name else 3)


def test_sets_of_keys_in_files(tmp_path: Path, items: Path, query: Path, run: Run) -> None:
    keyed = build(run, items, tmp_path / "k.nf", "--key", "name", "--columns", "market")
    (tmp_path / "heard.txt").write_text("item 0\nitem 1\nnobody\n")
    ask = ("query", keyed, "--queries", query, "-k", 3, "--json")
    done = said(run(*ask, "--exclude", tmp_path / "heard.txt", "--where", "id != 'item 2'"))
    found = {one["key"] for each in done["queries"] for one in each["neighbors"]}
    assert not found & {"item 0", "item 1", "item 2"}
    (tmp_path / "x.roaring").write_bytes(nf.IdSet([1]).to_bytes())
    np.save(tmp_path / "ids.npy", np.array([1]))
    for name in ("x.roaring", "ids.npy"):
        done = run(*ask, "--exclude", tmp_path / name)
        assert (done.code, f"{name} holds integers, but k.nf has text keys" in done.err) == (
            3,
            True,
        )


def test_stored_items_are_asked_for_under_filters(built: Path, run: Run) -> None:
    ask = ("query", built, "--id", "7", "--id", "8", "-k", 3, "--show", "market", "--json")
    for where in ("market = 'SE'", "market != 'SE'"):
        done = said(run(*ask, "--where", where))
        for each in done["queries"]:
            assert len(each["neighbors"]) == 3
            assert each["query"] not in {one["id"] for one in each["neighbors"]}
            markets = {one["columns"]["market"] for one in each["neighbors"]}
            assert (markets == {"SE"}) == (where == "market = 'SE'")


def test_explain_says_how(built: Path, query: Path, run: Run) -> None:
    ask = ("query", built, "--queries", query, "--where", "market = 'SE'", "--explain", "-k", 2)
    plan = said(run(*ask, "--json"))["queries"][0]["plan"]
    assert plan["allowed"] == ROWS // 4
    assert plan["plan"] in ("scan", "sweep", "exact")
    done = run(*ask)
    assert done.code == 0
    assert "query 0: " in done.err
    assert "allowed: 75" in done.err
    assert len(done.out.splitlines()) == 5
    plain = said(run("query", built, "--queries", query, "--explain", "--json"))
    assert plain["queries"][1]["plan"]["allowed"] == ROWS


def test_conditions_from_the_settings(
    tmp_path: Path, built: Path, query: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ("query", built, "--queries", query, "-k", 2, "--json")
    expected = ids_of(run(*ask, "--where", "market = 'SE'"))
    (tmp_path / "c.toml").write_text("[query]\nwhere = \"market = 'SE'\"\nshow = ['market']\n")
    done = run(*ask, "--config", tmp_path / "c.toml")
    assert ids_of(done) == expected
    assert said(done)["queries"][0]["neighbors"][0]["columns"] == {"market": "SE"}
    monkeypatch.setenv("NEARFIELD_QUERY_WHERE", "market = 'NO'")
    assert ids_of(run(*ask)) == ids_of(run(*ask, "--where", "market = 'NO'"))
