#!/usr/bin/env bash
# base-images.sh [IMAGE...]: make sure each image exists on this engine.
# Order of trial for each: already here -> pull -> a stand-in built from Debian packages.
# A stand-in is built only when the pull fails, and carries the label standin.for.
#   STANDIN_PULL=never   skip the pull (a machine known to be offline)
#   STANDIN_PULL=always  never build a stand-in: fail instead
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
pull="${STANDIN_PULL:-auto}"
suite="${STANDIN_SUITE:-trixie}"
export DOCKER_BUILDKIT=1

folder_for() {   # which stand-in answers for an image name
  case "$1" in
    debian:trixie-slim|debian:trixie) echo debian ;;
    python:3.13-slim|python:3.13-slim-trixie) echo python ;;
    redis:8-alpine|redis:8) echo redis ;;
    postgres:17-alpine|postgres:17) echo postgres ;;
    *) return 1 ;;
  esac
}
have() { docker image inspect "$1" >/dev/null 2>&1; }
say()  { printf '%s\n' "base-images: $*" >&2; }

build_debian() {
  have debian:trixie-slim && return 0
  if ! command -v debootstrap >/dev/null; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
  fi
  local root; root="$(mktemp -d "${TMPDIR:-/var/tmp}/standin.XXXXXX")"
  # shellcheck disable=SC2064
  trap "rm -rf '$root'" RETURN
  if ! debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" >"$root.log" 2>&1; then
    tail -20 "$root.log" >&2
    return 1
  fi
  # what the machine trusts, the image trusts (a company proxy, a CI's own CA); nothing to copy is fine
  cp -L /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
  chroot "$root" update-ca-certificates >/dev/null 2>&1
  # security updates, without an address in this file: same mirror as the machine's own
  printf '%s\n' 'path-exclude /usr/share/doc/*' 'path-exclude /usr/share/man/*' 'path-exclude /usr/share/info/*' \
    'path-exclude /usr/share/locale/*' 'path-include /usr/share/locale/locale.alias' 'path-include /usr/share/doc/*/copyright' \
    > "$root/etc/dpkg/dpkg.cfg.d/docker"
  printf '%s\n' '#!/bin/sh' 'exit 101' > "$root/usr/sbin/policy-rc.d"; chmod 755 "$root/usr/sbin/policy-rc.d"
  # apt keeps no packages and no index caches in a layer, as in the official images
  cat > "$root/etc/apt/apt.conf.d/docker" <<'APT'
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true"; };
DPkg::Options { "--force-unsafe-io"; };
APT
  # pip settings of the machine that matter elsewhere too (an index of its own), when it has any
  if command -v pip >/dev/null; then
    idx="$(pip config get global.index-url 2>/dev/null || true)"
    case "$idx" in http*) printf '[global]\nindex-url = %s\n' "$idx" > "$root/etc/pip.conf" ;; esac
  fi
  tar -C "$root" --numeric-owner --one-file-system \
    --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
    --exclude='./usr/share/info/*' --exclude='./usr/share/locale/*' --exclude='./var/cache/apt/*.bin' \
    --exclude='./var/cache/apt/archives/*.deb' --exclude='./var/lib/apt/lists/*' --exclude='./var/log/*' \
    --exclude='./var/cache/debconf/*-old' --exclude='./var/lib/dpkg/*-old' -c . \
  | docker import -c 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' -c 'CMD ["bash"]' \
      -c "LABEL standin.for=debian:trixie-slim" - debian:trixie-slim >/dev/null
  rm -f "$root.log"
}

reachable=unknown
try_pull() {
  if [[ $pull == never ]]; then return 1; fi
  [[ $reachable == no ]] && return 1
  local err
  if err="$(timeout 300 docker pull -q "$1" 2>&1)"; then reachable=yes; return 0; fi
  case "$err" in
    *"no such host"*|*"i/o timeout"*|*"connection refused"*|*"network is unreachable"*|*"Client.Timeout"*) reachable=no ;;
  esac
  say "cannot pull $1: $(tail -1 <<<"$err")"
  return 1
}

ensure() {
  local image=$1 dir start=$SECONDS
  if have "$image"; then say "$image: here"; return; fi
  if try_pull "$image"; then say "$image: pulled"; return; fi
  [[ $pull == always ]] && { say "$image: not pulled, and no stand-in wanted"; return 1; }
  dir="$(folder_for "$image")" || { say "$image: no stand-in for it"; return 1; }
  build_debian
  if [[ $dir != debian ]]; then
    have "standin/$dir" || docker build -q -t "standin/$dir" "$here/base-images/$dir" >/dev/null
    docker tag "standin/$dir" "$image"
  elif [[ $image != debian:trixie-slim ]]; then docker tag debian:trixie-slim "$image"; fi
  say "$image: STAND-IN built from Debian packages ($((SECONDS - start)) s)"
}

# With no argument: every image that the course names.
if [[ $# -eq 0 ]]; then set -- python:3.13-slim redis:8-alpine postgres:17-alpine; fi
for i in "$@"; do ensure "$i"; done
