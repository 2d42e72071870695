"""The report of an evaluation: one JSON for programs, one page of HTML for people, both of the same values.

    labelled names + answers ──▶ build.py ──▶ Report (model.py) ──▶ files.py: report.json, report.html
                                   │
                                   ├─ confusion.py   which slot of a code differs from the label
                                   ├─ curves.py      risk and coverage, score against right
                                   ├─ baselines.py   the plain ways on the same rows, each at its best threshold
                                   └─ compare.py     which answers changed since another report, and which way

docs/evaluation.md says how to read it.
"""
