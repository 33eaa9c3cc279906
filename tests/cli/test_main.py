"""The command as a whole: help, exit codes, settings, the module, and what it refuses to import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nearfield as nf
import pytest
from nearfield import errors
from nearfield.cli import build
from nearfield.cli.main import exit_code_of

from tests.cli.conftest import Run

COMMANDS = (
    "build", "query", "info", "validate", "evaluate", "tune", "export", "convert", "demo", "add",
    "upsert", "remove", "compact",
)  # fmt: skip


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_names_the_exit_codes(run: Run, command: str) -> None:
    done = run(*command.split(), "--help")
    assert (done.code, done.err) == (0, "")
    words = " ".join(done.out.split())
    for each in ("0 done", "1 failed", "2 wrong usage", "3 input data", "4 index file", "5 recall"):
        assert each in words
    assert "130 interrupted" in words
    if not command:
        assert all(name in words for name in COMMANDS)


def test_help_of_build_names_every_option(run: Run) -> None:
    out = run("build", "--help").out
    for option in (
        "--column", "--vectors", "--key", "--ids", "--rows", "--space", "--M", "--ef-construction",
        "--storage", "--codes", "--threads", "--seed", "--dry-run", "--config", "--json", "--quiet",
        "-o",
    ):  # fmt: skip
        assert option in out
    assert "NEARFIELD_BUILD_SEED" in out
    for names in ("Euclidean|InnerProduct|Cosine", "Float32|Float16|Float8|E4M3|CodesOnly"):
        assert names in out
        assert names in run("convert", "--help").out


@pytest.mark.parametrize("storage", ["CodesOnly", "codes-only", "codesonly", "CODES_ONLY"])
def test_names_are_matched_without_regard_to_case_and_hyphens(
    tmp_path: Path, parquet: Path, run: Run, storage: str
) -> None:
    how = ("--storage", storage, "--space", "inner-product", "--codes", "INT8")
    done = run("build", parquet, "-o", tmp_path / "out.nf", *how, "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert (said["storage"], said["space"], said["codes"]) == ("CodesOnly", "InnerProduct", "int8")
    told = json.loads(run("info", tmp_path / "out.nf", "--json").out)
    assert {name: told[name] for name in ("storage", "space", "codes")} == {
        name: said[name] for name in ("storage", "space", "codes")
    }


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (
            "--storage",
            "--storage is 'x'; expected one of Float8, Float32, E4M3, Float16, CodesOnly",
        ),
        ("--space", "--space is 'x'; expected one of Euclidean, InnerProduct, Cosine"),
        ("--codes", "--codes is 'x'; expected one of 'none', 'int4', 'int8', 'auto'"),
    ],
)
def test_an_unknown_name_is_told_the_known_ones(
    tmp_path: Path, parquet: Path, run: Run, option: str, said: str
) -> None:
    done = run("build", parquet, "-o", tmp_path / "out.nf", option, "x")
    assert done.code == 2
    assert said in " ".join(done.err.replace("│", " ").split())


@pytest.mark.parametrize("command", ["query", "tune", "evaluate"])
def test_queries_have_the_same_names_everywhere(
    tmp_path: Path, built: Path, parquet: Path, run: Run, command: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    more = {"query": (), "tune": ("--recall", 0.5, "-q"), "evaluate": ("--ef", 10, "-q")}[command]
    both = ("--queries", parquet, "--column", "embedding")
    ask = (command, built, *more, "--rows", "split=query", "--json")

    def comparable(*how: object) -> object:
        done = run(*ask, *how)
        assert done.code == 0, done.err
        said = json.loads(done.out)
        for point in said.get("curve", ()):
            point.pop("queries_per_second", None)
        return said

    expected = comparable(*both)
    assert run(*ask, "--queries", parquet, "--column", "split").code != 0, "the column is read"
    # The names of before: a file for query, a column for the others.
    old = ("--vectors", parquet, "--column", "embedding")
    old = old if command == "query" else ("--queries", parquet, "--vectors", "embedding")
    assert comparable(*old) == expected
    config = tmp_path / "settings.toml"
    settings = dict(zip(old[::2], old[1::2], strict=True))
    lines = "".join(f'{name[2:]} = "{value}"\n' for name, value in settings.items())
    config.write_text(f"[{command}]\n{lines}")
    needed = () if command == "query" else both[:2]
    assert comparable(*needed, "--config", config) == expected
    for name, value in settings.items():
        monkeypatch.setenv(f"NEARFIELD_{command.upper()}_{name[2:].upper()}", str(value))
    assert comparable(*needed) == expected


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidInput("x"), 3),
        (errors.NotFinite("x", 1), 3),
        (errors.UnknownId("x", 1), 3),
        (errors.TooFewNeighbors("x"), 3),
        (errors.NotEnoughData("x"), 3),
        (errors.CorruptIndexFile("x", 1, "y"), 4),
        (errors.UnsupportedVersion("x"), 4),
        (errors.FileMismatch("x"), 4),
        (errors.IndexFileNotAccessible(28, "no space left"), 1),
        (errors.NearfieldError("x"), 1),
    ],
)
def test_every_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert exit_code_of(error) == code


def test_an_error_is_one_line_on_stderr(
    parquet: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(build, "open_source", fails)
    done = run("build", parquet, "-o", tmp_path / "x.nf")
    assert (done.code, done.out) == (1, "")
    assert (
        done.err == "nearfield: not enough memory; build --dry-run says how much an index takes\n"
    )


def test_ctrl_c_is_exit_code_130(
    parquet: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "open_source", interrupted)
    done = run("build", parquet, "-o", tmp_path / "x.nf")
    assert done == (130, "", "nearfield: interrupted; no file was changed\n")


def test_wrong_usage_is_exit_code_2(run: Run) -> None:
    for arguments in (("nonsense",), ("build",), ("info", "a", "b"), ("info", "--nonsense")):
        done = run(*arguments)
        assert (done.code, done.out) == (2, "")
        assert done.err


def test_the_version_is_data(run: Run) -> None:
    assert run("--version").out == ".".join(map(str, nf.version)) + "\n"


def test_flags_go_before_the_environment_before_the_file(
    tmp_path: Path, parquet: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("[build]\nM = 5\nef-construction = 30\nseed = 9\n[evaluate]\nef = [10, 20]\n")

    def chosen(*flags: object) -> tuple[int, int, int]:
        out = tmp_path / "out.nf"
        assert run("build", parquet, "--config", config, "-o", out, *flags).code == 0
        index = nf.load(out)
        return index.M, index.ef_construction, index.random_seed

    assert chosen() == (5, 30, 9)
    monkeypatch.setenv("NEARFIELD_BUILD_M", "6")
    assert chosen() == (6, 30, 9)
    assert chosen("--M", 7) == (7, 30, 9)
    ask = ("evaluate", tmp_path / "out.nf", "--queries", parquet, "--config", config, "-q")
    assert [line.split("\t")[0] for line in run(*ask).out.splitlines()] == ["ef", "10", "20"]
    monkeypatch.setenv("NEARFIELD_BUILD_M", "one")
    assert run("build", parquet, "-o", tmp_path / "out.nf").code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[build]\nef = 3\n", "build has no option 'ef'"),
        ("build = 3\n", "not a table"),
        ("[build\n", "settings.toml"),
        ("[build]\nM = 1\n", "--M"),
    ],
)
def test_a_bad_file_of_settings_is_refused(
    tmp_path: Path, parquet: Path, run: Run, text: str, said: str
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(text)
    done = run("build", parquet, "--config", config, "-o", tmp_path / "x.nf")
    assert done.code == 2
    assert said in " ".join(done.err.split())


def test_the_module_runs_and_a_closed_pipe_is_no_error(built: Path, parquet: Path) -> None:
    command = [sys.executable, "-m", "nearfield", "query", str(built), "--queries", str(parquet)]
    with subprocess.Popen(
        [*command, "-k", "100", "--jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline().startswith('{"query": 0')
        child.stdout.close()
        assert "Traceback" not in child.stderr.read()
