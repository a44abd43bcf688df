#!/bin/sh
# The password goes into a file in memory: on the command line everybody could read it.
set -eu
umask 077
printf 'requirepass %s\n' "$(cat /run/secrets/redis_password)" > /run/redis/auth.conf
exec redis-server /usr/local/etc/redis/redis.conf --include /run/redis/auth.conf
