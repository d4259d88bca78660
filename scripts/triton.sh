#!/bin/sh
# Installs a Triton Inference Server for the tests, from PyPI and without a container: sh scripts/triton.sh DIR
# Afterwards DIR/tritonserver starts it; its Python backend runs models with DIR/venv, where CTranslate2 is.
# Quick when it is there already. Linux on x86-64 only: elsewhere the tests that need it are skipped.
set -eu
mkdir -p "$1"
dir=$(cd "$1" && pwd)
# Triton's Python backend returns empty tensors with numpy 2, so no Python that is too new for numpy 1.26.
server=nvidia-pytriton==0.7.0 numpy=numpy==1.26.4 ctranslate2=ctranslate2==4.8.5
wanted="$server $numpy $ctranslate2 $(cksum <"$0")"
complain() {
    echo "triton: $1" >&2
    exit 1
}
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || complain "there is a wheel of it for Linux on x86-64 only"
# Two that install at once would be in each other's way.
exec 9>"$dir/lock"
flock 9
if [ "$(cat "$dir/installed" 2>/dev/null)" = "$wanted" ] && "$dir/venv/bin/python" -c '' 2>/dev/null; then
    exit 0
fi
# The backend's stub embeds Python, so that its shared library must be there besides the interpreter.
find_python() {
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.10 python3; do
        libraries=$("$candidate" -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))' 2>/dev/null) || continue
        if LD_LIBRARY_PATH=$libraries "$candidate" 2>/dev/null <<'END'; then
import ctypes, ensurepip, sys, venv
assert (3, 9) <= sys.version_info[:2] <= (3, 12)
ctypes.CDLL("libpython%d.%d.so.1.0" % sys.version_info[:2])
END
            echo "$candidate"
            return
        fi
    done
}
python=$(find_python)
[ -n "$python" ] || complain "no Python 3.9 to 3.12 with venv and a shared library found; \
on Debian 12: apt install python3-venv libpython3.11, or name one: PYTHON=/path/to/python3"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
libraries=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')
echo "triton: installing into $dir, which takes half a minute or so"
rm -rf "$dir/installed" "$dir/venv" "$dir/backends"
"$python" -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$numpy" "$ctranslate2"
# Without what pytriton's own Python interface needs: only the server inside its wheel is used.
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$server"
inside=$dir/venv/lib/python$version/site-packages/pytriton/tritonserver
mkdir -p "$dir/backends/python"
cp "$inside"/backends/python/libtriton_python.so "$inside"/backends/python/triton_python_backend_utils.py \
    "$dir/backends/python/"
# A copy of the stub would not find its libraries, which it looks for beside its real place.
ln -s "$inside/python_backend_stubs/$version/triton_python_backend_stub" "$dir/backends/python/"
# The stub takes the first python3 on PATH for its packages.
cat >"$dir/tritonserver" <<END
#!/bin/sh
PATH=$dir/venv/bin:\$PATH LD_LIBRARY_PATH=$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH} \\
    exec "$inside/bin/tritonserver" --backend-directory="$dir/backends" "\$@"
END
chmod +x "$dir/tritonserver"
if missing=$(LD_LIBRARY_PATH=$libraries ldd "$inside/bin/tritonserver" \
    "$inside/python_backend_stubs/$version/triton_python_backend_stub" | grep 'not found'); then
    complain "libraries are missing: $missing"
fi
echo "$wanted" >"$dir/installed"
