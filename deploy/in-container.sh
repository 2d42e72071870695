#!/bin/sh
# Yingma in the container of compose.yaml: the database's password is a secret file, so that it stands in no environment
# that `docker inspect` shows.
#
#   docker compose exec yingma deploy/in-container.sh job list
set -eu
secret=/run/secrets/db-password
if [ -f "$secret" ]; then
  YINGMA_DATABASE_URL="postgresql://yingma:$(cat "$secret")@db/yingma"
  export YINGMA_DATABASE_URL
fi
exec ./yingma "$@"
