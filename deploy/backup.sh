#!/usr/bin/env bash
# A copy of what cannot be made again: the database (while the server runs), settings.toml, and the jobs.
#
#   systemctl start yingma-backup                            with the settings of /etc/yingma/yingma.env
#   YINGMA_HOME=/var/lib/yingma deploy/backup.sh FOLDER      writes FOLDER/yingma-<time>/, and keeps the newest 14
#
# YINGMA_HOME and YINGMA_DATABASE_URL have to be the server's; without a database there is no copy. For PostgreSQL,
# pg_dump has to be there. Left out: passwords of databases that jobs read (secrets.json), inputs and outputs of jobs
# that lie outside YINGMA_HOME. How it is put back: docs/hospital-group.md.
set -eu
umask 077
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
python=${YINGMA_DEPLOY_PYTHON:-$root/.venv/bin/python}
home=${YINGMA_HOME:?set YINGMA_HOME}
folder=${1:?usage: backup.sh FOLDER}
keep=14

name=yingma-$(date +%Y%m%dT%H%M%S)
draft=$folder/.$name
mkdir -p "$draft"
trap 'rm -rf "$draft"' EXIT

PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} "$python" "$root/deploy/copy_database.py" "$draft"
set --
for each in settings.toml jobs editions; do
  [ ! -e "$home/$each" ] || set -- "$@" "$each"
done
# Jobs go on meanwhile. What they are writing (drafts: .status.json.<pid>, jobs/.NAME.…) and their turns (jobs/.turns) are
# left out, and status 1 of tar, a file that changed or vanished while it was read, is no fault: every file of a job that
# counts is replaced whole.
[ $# = 0 ] || tar -C "$home" --exclude='jobs/*/secrets.json' --exclude='jobs/*/.*.json.*' --exclude='jobs/.*' \
  -cf "$draft/home.tar" "$@" || [ $? = 1 ]
mv "$draft" "$folder/$name"
ls -d "$folder"/yingma-* | sort -r | tail -n +$((keep + 1)) | while IFS= read -r old; do rm -rf "$old"; done
echo "$folder/$name"
