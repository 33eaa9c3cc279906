"""``nearfield query``: by vectors and by stored items, as lines, JSON and JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np

from tests.cli.conftest import WIDTH, Run


def test_lines_have_query_rank_id_and_distance(built: Path, parquet: Path, run: Run) -> None:
    done = run(
        "query", built, "--queries", parquet, "--rows", "split=query", "-k", 3, "--key", "name"
    )
    assert (done.code, done.err) == (0, "")
    head, *lines = [line.split("\t") for line in done.out.splitlines()]
    assert head == ["query", "rank", "key", "distance"]
    assert len(lines) == 3 * 120
    assert [line[:2] for line in lines[3:6]] == [
        ["item 10", "1"],
        ["item 10", "2"],
        ["item 10", "3"],
    ]
    assert float(lines[0][3]) <= float(lines[1][3])


def test_json_is_one_object_and_jsonl_one_a_query(
    tmp_path: Path, built: Path, vectors: Any, run: Run
) -> None:
    np.save(tmp_path / "q.npy", vectors[:3])
    one = json.loads(run("query", built, "--queries", tmp_path / "q.npy", "-k", 2, "--json").out)
    lines = run(
        "query", built, "--queries", tmp_path / "q.npy", "-k", 2, "--jsonl"
    ).out.splitlines()
    assert one["k"] == 2
    assert one["queries"] == [json.loads(line) for line in lines]
    keys, distances = nf.load(built).query(vectors[:3], k=2, query_ef=100)
    assert [each["query"] for each in one["queries"]] == [0, 1, 2]
    first = [(each["key"], each["distance"]) for each in one["queries"][0]["neighbors"]]
    assert first == list(zip(keys[0].tolist(), distances[0].tolist(), strict=True))


def test_a_stored_item_is_asked_for_without_itself(built: Path, vectors: Any, run: Run) -> None:
    done = run("query", built, "--id", "item 7", "--id", "item 8", "-k", 4, "--json")
    found = json.loads(done.out)["queries"]
    assert [each["query"] for each in found] == ["item 7", "item 8"]
    for each in found:
        names = [neighbour["key"] for neighbour in each["neighbors"]]
        assert len(names) == 4
        assert each["query"] not in names


def test_fewer_vectors_than_k_give_fewer_lines(tmp_path: Path, run: Run) -> None:
    index = nf.Index(nf.Space.Euclidean, 2)
    index.add_items([[0, 0], [1, 1]], ids=[4, 9])
    index.save(tmp_path / "two.nf")
    assert (
        run("query", tmp_path / "two.nf", "--id", "4").out
        == "query\trank\tid\tdistance\n4\t1\t9\t2\n"
    )


def test_a_tab_in_a_key_stays_inside_its_field(tmp_path: Path, run: Run) -> None:
    index = nf.StringIndex(nf.Space.Euclidean, 1)
    index.add_items([[0], [1]], ["a\tb", "c"])
    index.save(tmp_path / "tab.nf")
    done = run("query", tmp_path / "tab.nf", "--id", "c", "-k", 1)
    assert done.out.splitlines()[1] == "c\t1\ta\\tb\t1"


def test_wrong_questions_are_refused(tmp_path: Path, built: Path, parquet: Path, run: Run) -> None:
    assert run("query", built).code == 2
    assert run("query", built, "--queries", parquet, "--id", "item 7").code == 2
    assert run("query", built, "--id", "nobody").code == 3
    assert run("query", built, "--queries", parquet, "-k", 0).code == 2
    np.save(tmp_path / "narrow.npy", np.ones((2, WIDTH - 1)))
    done = run("query", built, "--queries", tmp_path / "narrow.npy")
    assert done.code == 3
    assert "narrow.npy holds vectors of 15 dimensions; items.nf holds 16" in done.err
    index = nf.Index(nf.Space.Cosine, WIDTH)
    index.save(tmp_path / "numbers.nf")
    assert "integer ids" in run("query", tmp_path / "numbers.nf", "--id", "seven").err
