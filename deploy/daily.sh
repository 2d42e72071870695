#!/usr/bin/env bash
# The exams of a day, yesterday's if none is named: /srv/yingma/in/<day>.csv, coded into /srv/yingma/out/<day>.csv by the
# job daily-<day>. Such jobs of other days that were interrupted, paused or failed go on first; a cancelled one does not.
#
#   deploy/daily.sh [2026-11-28]
#
# Ends with status 1 when one of them did not get done; the others are done all the same.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${YINGMA_DEPLOY_PYTHON:-.venv/bin/python}
home=${YINGMA_HOME:?set YINGMA_HOME}
files=${YINGMA_FILES:-/srv/yingma}
day=${1:-$(date -d yesterday +%F)}
failed=0

left=$("$python" -m agent job list --json | "$python" -c '
import json, re, sys
for job in reversed(json.load(sys.stdin)):
    if re.fullmatch(r"daily-\d{4}-\d\d-\d\d", job["id"]) and job["state"] in ("interrupted", "paused", "failed"):
        print(job["id"])
')
for id in $left; do
  "$python" -m agent job resume "$id" </dev/null || failed=1
done
[ -d "$home/jobs/daily-$day" ] ||
  "$python" -m agent job run "$files/in/$day.csv" -o "$files/out/$day.csv" --id "daily-$day" || failed=1
exit $failed
