"""The table of storages and codes in README.md is what the code says (benchmarks/pairs.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nearfield as nf
import pytest
from nearfield import errors

ROOT = Path(__file__).resolve().parents[1]
CODE = """
import json, sys
sys.path.insert(0, "benchmarks")
import pairs
result = json.loads(pairs.RESULT.read_text())
_, written, _ = pairs.parts(pairs.README.read_text(encoding="utf-8"))
legal = [(p.storage, p.codes, p.spaces) for p in pairs.legal_pairs()]
print(json.dumps([written.strip(), pairs.table(result).strip(), legal]))
"""


@pytest.fixture(scope="module")
def told() -> tuple[str, str, list[tuple[str, str, list[str]]]]:
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    written, made, legal = json.loads(done.stdout)
    return written, made, legal


def test_the_table_in_readme_is_the_one_in_the_code(told):
    written, made, _ = told
    assert written == made, "run: python benchmarks/pairs.py --readme"


def test_what_the_table_allows_can_be_made_and_nothing_else(told):
    legal = {(storage, codes, space) for storage, codes, spaces in told[2] for space in spaces}
    for storage in nf.StorageDataType:
        for codes in ("none", "int8", "int4"):
            for space in ("euclidean", "inner_product", "cosine"):
                if (storage.name, codes, space) in legal:
                    index = nf.Index(space, 8, storage_data_type=storage, codes=codes)
                    assert index.codes == codes
                else:
                    with pytest.raises(errors.InvalidInput, match="codes is"):
                        nf.Index(space, 8, storage_data_type=storage, codes=codes)
