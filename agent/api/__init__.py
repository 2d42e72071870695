"""The HTTP side: one FastAPI application behind one gate. docs/serve.md says how it is run.

    request ──▶ Gate (who is it? may he? from our own pages?) ──▶ route_*.py ──▶ agent/…
                                                               └─▶ /ui/ (package ui)

app.py makes it; data/routes.tsv says who may call what; a path that no line names is not there.
"""
