"""Apache Spark (`job run --engine spark`), for tables that one machine is too small for.

    parquet ──▶ distinct (name, modality, institution) ──▶ mapInPandas: the same pipeline ──▶ every exam, in order

`answering` is what Spark's Python workers run, `engine` what the driver asks of Spark; the job around it is
agent/jobs/spark_run.py. pyspark is an extra and is imported nowhere else.
"""
