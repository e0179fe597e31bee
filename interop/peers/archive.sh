# shellcheck shell=bash
# What scripts beside this share that fetch packages from the archive that this machine's apt is set up for, checked
# against the archive's key, without installing any. Source it.

# The first address that apt already uses for packages other than security updates.
archive() {
  {
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '/^URIs:/ {print $2}'
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
      awk '$1 == "deb" {for (i = 2; i <= NF; i++) if ($i ~ /:\/\//) {print $i; break}}'
  } | grep -v security | head -n 1
}

# Fetches packages and all that they need into FOLDER/cache/archives.
# Arguments: FOLDER SUITE ADDRESS COMPONENTS KEY PACKAGE…
fetch_packages() {
  local apt=$1 suite=$2 uri=$3 components=$4 key=$5
  shift 5
  rm -rf "$apt"
  mkdir -p "$apt"/{state/lists/partial,cache/archives/partial,etc/preferences.d,etc/trusted.gpg.d}
  printf 'deb [signed-by=%s] %s %s %s\n' "$key" "$uri" "$suite" "$components" >"$apt/etc/sources.list"
  : >"$apt/state/status"
  local options=(-o "Dir::Etc=$apt/etc" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::parts=/dev/null
    -o "Dir::State=$apt/state" -o "Dir::State::status=$apt/state/status" -o "Dir::Cache=$apt/cache"
    -o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Debug::NoLocking=1
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
    -o Acquire::Check-Valid-Until=false -o Acquire::Retries=3)
  apt-get -q "${options[@]}" update && apt-get -q -y "${options[@]}" --download-only install "$@"
}
