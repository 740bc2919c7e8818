"""Writes the Parquet files of the tests, with an implementation that is not ours. Usage: make.py (needs pyarrow)."""

import datetime
import decimal
import os

import pyarrow as pa
import pyarrow.parquet as pq

HERE = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(HERE, name)


def main():
    table = pa.table(
        {
            "id": pa.array(["a", "b", "c"]),
            "question": pa.array(["What is 2+2?", "Größe?\nin cm", ""]),
            "answer": pa.array(["4", "181", None]),
            "choices": pa.array([["3", "4"], ["180", "181", "182"], []], pa.list_(pa.string())),
            "nested": pa.array(
                [{"x": 1, "tags": [{"k": "p", "v": 0.1}]}, {"x": None, "tags": []}, None],
                pa.struct([("x", pa.int32()), ("tags", pa.list_(pa.struct([("k", pa.string()), ("v", pa.float32())])))]),
            ),
            "map": pa.array([[("one", 1)], [], None], pa.map_(pa.string(), pa.int64())),
            "flag": pa.array([True, False, None]),
            "small": pa.array([-1, 2, None], pa.int8()),
            "large": pa.array([2**63, 1, 0], pa.uint64()),
            "real": pa.array([0.5, float("nan"), float("inf")]),
            "single": pa.array([0.1, None, 3.0], pa.float32()),
            "exact": pa.array([decimal.Decimal("1.10"), None, decimal.Decimal("-0.05")], pa.decimal128(10, 2)),
            "day": pa.array([datetime.date(2026, 2, 28), None, datetime.date(1969, 12, 31)]),
            "moment": pa.array(
                [datetime.datetime(2026, 2, 28, 12, 0, 0, 250000), None, datetime.datetime(1969, 12, 31, 23, 59, 59)],
                pa.timestamp("us", tz="UTC"),
            ),
            "bytes": pa.array([b"text", b"\xff\x00\x01", None], pa.binary()),
            "word": pa.array(["x", "x", "y"]).dictionary_encode(),
        }
    )
    pq.write_table(table, path("kinds.parquet"), compression="snappy", row_group_size=2)
    rows = pa.table({"input": [f"question {n}" for n in range(300)], "expected": [str(n) for n in range(300)]})
    for compression in ("none", "gzip", "zstd", "lz4", "brotli"):
        pq.write_table(rows, path(f"{compression}.parquet"), compression=compression, row_group_size=100)
    pq.write_table(rows.slice(0, 0), path("empty.parquet"))
    deep = "leaf"
    kind = pa.string()
    for _ in range(40):
        deep, kind = {"d": deep}, pa.struct([("d", kind)])
    pq.write_table(pa.table({"deep": pa.array([deep], kind)}), path("deep.parquet"))


main()
