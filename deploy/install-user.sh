#!/bin/sh
# The user of edge-capture and its two folders. On a Jetson the nodes of camera and GPU are the group video's, or render's.
set -eu
id efiqa >/dev/null 2>&1 || useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin efiqa
for group in video render; do
    getent group "$group" >/dev/null && usermod -aG "$group" efiqa
done
install -d -o efiqa -g efiqa -m 700 /var/lib/efiqa /var/cache/efiqa
