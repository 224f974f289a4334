"""A list through the adapter of an engine, in a process of its own: engine, list, result, done."""

import sys
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import csv, parquet

from capillary_interactions import ClientConfig

_WORKERS = 2
_PARTS = 20


def main() -> None:
    """Run one."""
    engine, source, out, done = sys.argv[1:]
    customers = Path(source).with_name(f"customers-{engine}")
    _write_parts(Path(source), customers)
    {"ray": _by_ray, "spark": _by_spark}[engine](customers, out, done)


def _write_parts(source: Path, folder: Path) -> None:
    """The list as Parquet, with the numbers of its rows, in several files."""
    columns = {"shop": pa.string(), "mobile": pa.string()}
    table = csv.read_csv(source, convert_options=csv.ConvertOptions(column_types=columns))
    table = table.append_column("n", pa.array(range(1, table.num_rows + 1)))
    folder.mkdir()
    rows = -(-table.num_rows // _PARTS)
    for part in range(_PARTS):
        parquet.write_table(table.slice(part * rows, rows), folder / f"{part}.parquet")


def _by_ray(customers: Path, out: str, done: str) -> None:
    import ray  # noqa: PLC0415 - may not be installed

    from capillary_interactions.engines.ray import enrich_dataset  # noqa: PLC0415

    ray.init(num_cpus=_WORKERS + 1, include_dashboard=False, log_to_driver=False)
    results = enrich_dataset(
        ray.data.read_parquet(str(customers)).repartition(_PARTS),
        ClientConfig.from_env(),
        workers=_WORKERS,
        identifier="mobile",
        row="n",
        done=done,
    )
    results.write_parquet(out)


def _by_spark(customers: Path, out: str, done: str) -> None:
    from pyspark.sql import SparkSession  # noqa: PLC0415 - may not be installed

    from capillary_interactions.engines.spark import enrich_dataframe  # noqa: PLC0415

    # Else times are written in a type that has no zone.
    times = {"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS"}
    builder = SparkSession.builder.master(f"local[{_WORKERS},4]").config(map=times)
    spark = builder.getOrCreate()
    results = enrich_dataframe(
        spark.read.parquet(str(customers)),
        ClientConfig.from_env(),
        workers=_WORKERS,
        identifier="mobile",
        row="n",
        done=done,
    )
    results.write.parquet(out)
    spark.stop()


if __name__ == "__main__":
    main()
