#!/bin/sh
# Starts the SuperLink as hospitals need it: `superlink.sh FOLDER`. The folder holds its files:
#   superlink.pem, superlink.key  its certificate for `localhost`, and the key
#   ca.pem                        who signed that; the coordinator's [flower] ca names it too
#   superexec.secret              32 random bytes, mode 0600; [flower] superexec names it too
#   state.db                      its memory, which a restart needs; it is made if missing
set -eu
cd "$1"

# It tells its maker nothing, asks nobody for updates, installs nothing.
export FLWR_TELEMETRY_ENABLED=0 FLWR_DISABLE_UPDATE_CHECK=1
export FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION=1 FLWR_HOME="$PWD/home"

# --isolation process: it executes no app; the coordinator takes its runs' tasks, with the secret.
# --host: the loopback, or the container's own network. Never an address that hospitals reach: they
# go through the proxy.
exec flower-superlink \
  --host "${SUPERLINK_HOST:-127.0.0.1}" --port "${SUPERLINK_PORT:-8000}" \
  --isolation process --superexec-auth-secret-file superexec.secret \
  --enable-supernode-auth --disable-runtime-dependency-installation \
  --ssl-certfile superlink.pem --ssl-keyfile superlink.key --ssl-ca-certfile ca.pem \
  --database state.db
