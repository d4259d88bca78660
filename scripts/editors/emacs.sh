#!/bin/sh
# Installs Emacs with lsp-mode for the tests, out of Debian's packages: sh scripts/editors/emacs.sh DIR
# Afterwards DIR/emacs/bin/emacs just runs, in a terminal, with lsp-mode as an installed package. No root. Quick when it
# is there already.
set -eu
mkdir -p "$1"
editors=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
self=$here/$(basename "$0")
complain() {
    echo "emacs: $1" >&2
    exit 1
}
exec 9>"$editors/emacs.lock"
flock 9
dir=$editors/emacs
sh "$here/deb-overlay.sh" forky "$dir" "emacs-nox elpa-lsp-mode" usr/bin/emacs-nox
wanted=$(cat "$dir/overlay" "$self" | cksum)
if [ "$(cat "$dir/installed" 2>/dev/null)" != "$wanted" ]; then
    rm -f "$dir/installed"
    share=$dir/root/usr/share/emacs
    version=$(basename "$(find "$share" -maxdepth 1 -name '[0-9]*' | head -n 1)")
    programs=$(find "$dir/root/usr/libexec/emacs/$version" -mindepth 1 -maxdepth 1 -type d | head -n 1)
    dump=$(find "$programs" -name '*.pdmp' | head -n 1)
    [ -n "$dump" ] || complain "the packages hold no dumped Emacs; what they hold has changed"
    lisp=$(find "$share/$version/lisp" -type d | paste -s -d : -)
    # Its own places are compiled into Emacs, and are the system's; the variables lead it here.
    cat >"$dir/bin/emacs" <<END
#!/bin/sh
export EMACSLOADPATH="$share/site-lisp:$lisp"
export EMACSDATA="$share/$version/etc" EMACSDOC="$share/$version/etc" EMACSPATH="$programs"
# Native compilation would want a compiler, and take the machine's time while a test runs.
export EMACS_INHIBIT_AUTOMATIC_NATIVE_COMPILATION=yes
export TERMINFO_DIRS=/etc/terminfo:/lib/terminfo:/usr/share/terminfo
exec "$dir/root/usr/bin/emacs-nox" --dump-file="$dump" "\$@"
END
    chmod +x "$dir/bin/emacs"
    cat >"$share/site-lisp/site-start.el" <<'END'
;;; -*- lexical-binding: t -*-
(setq native-comp-enable-subr-trampolines nil)
END
    # What the packages' own scripts would do: the Lisp packages compiled, where Emacs looks for installed ones.
    rm -rf "$share/site-lisp/elpa"
    cp -R "$share/site-lisp/elpa-src" "$share/site-lisp/elpa"
    echo "emacs: compiling lsp-mode"
    ELPA=$share/site-lisp/elpa "$dir/bin/emacs" --no-init-file --batch --eval '(progn (package-activate-all)
        (byte-recompile-directory (getenv "ELPA") 0 t))' >"$dir/compile.log" 2>&1
    # Some files of lsp-mode are for packages that are not there, and fail to compile, as they do for everybody.
    [ -e "$share"/site-lisp/elpa/lsp-mode-*/lsp-mode.elc ] ||
        complain "lsp-mode can't be compiled: $(tail -n 3 "$dir/compile.log")"
    echo "$wanted" >"$dir/installed"
fi
said=$("$dir/bin/emacs" --no-init-file --batch --eval '(progn (package-activate-all) (require (quote lsp-mode))
    (require (quote completion-preview)) (unless (fboundp (quote eglot-ensure)) (kill-emacs 1))
    (princ (lsp-version)))' 2>"$dir/check.log") ||
    complain "Emacs does not run, or lacks something: $(tail -n 3 "$dir/check.log")"
echo "emacs: $said is in $dir"
