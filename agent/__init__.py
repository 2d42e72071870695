"""agent: reads and routes names; pipeline, memory, store, jobs, command line."""

import standard.compiled  # noqa: F401 - first: what is compiled has to be found before its source
