#!/bin/sh
# The bucket, and a user who may use this bucket and nothing else.
set -eu
mc alias set store http://store:9000 "$(cat /run/secrets/store_root_user)" \
    "$(cat /run/secrets/store_root_password)" > /dev/null
mc mb --ignore-existing store/fex
mc version enable store/fex
mc admin user add store "$(cat /run/secrets/store_app_user)" \
    "$(cat /run/secrets/store_app_password)" > /dev/null
mc admin policy create store fex /etc/fex/policy.json
# Attaching twice is reported as an error although nothing is wrong.
mc admin policy attach store fex --user "$(cat /run/secrets/store_app_user)" > /dev/null 2>&1 || true
mc admin policy entities store --user "$(cat /run/secrets/store_app_user)" | grep -q fex
