#!/usr/bin/env bash
# A copy of what cannot be made again: the database (while the server runs), settings.toml, and the jobs.
#
#   YINGMA_HOME=/var/lib/yingma deploy/backup.sh FOLDER      writes FOLDER/yingma-<time>/, and keeps the newest 14
#
# With YINGMA_DATABASE_URL the database is PostgreSQL, and pg_dump has to be there. Inputs and outputs of jobs that lie
# outside YINGMA_HOME are not copied. How it is put back: docs/hospital-group.md.
set -eu
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
python=${YINGMA_BACKUP_PYTHON:-$root/.venv/bin/python}
home=${YINGMA_HOME:?set YINGMA_HOME}
folder=${1:?usage: backup.sh FOLDER}
keep=14

name=yingma-$(date +%Y%m%dT%H%M%S)
draft=$folder/.$name
mkdir -p "$draft"
trap 'rm -rf "$draft"' EXIT

if [ -n "${YINGMA_DATABASE_URL:-}" ]; then
  url=${YINGMA_DATABASE_URL/postgresql+psycopg:/postgresql:}
  pg_dump --format=custom --file="$draft/yingma.dump" "$url"
elif [ -f "$home/yingma.db" ]; then
  "$python" - "$home/yingma.db" "$draft/yingma.db" <<'PYTHON'
import sqlite3
import sys

source, target = (sqlite3.connect(path) for path in sys.argv[1:])
with target:
    source.backup(target)
if target.execute("PRAGMA integrity_check").fetchone() != ("ok",):
    sys.exit("the copy of the database does not hold")
PYTHON
fi
for each in settings.toml jobs editions; do
  [ ! -e "$home/$each" ] || tar -C "$home" -rf "$draft/home.tar" "$each"
done
mv "$draft" "$folder/$name"
ls -d "$folder"/yingma-* | sort -r | tail -n +$((keep + 1)) | while IFS= read -r old; do rm -rf "$old"; done
echo "$folder/$name"
