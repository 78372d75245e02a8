# Sourced by the other scripts: makes .venv from pyproject.toml, once, and again only when pyproject.toml changes.
# Gives $root, $python (of .venv) and say. Needs Python 3.11 or newer with venv; nothing else.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
python=$venv/bin/python

say() {
    if [ -t 1 ]; then
        printf '\n\033[1m== %s\033[0m\n' "$*"
    else
        printf '\n== %s\n' "$*"
    fi
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "error: no Python 3.11 or newer with venv was found (tried \$PYTHON, python3, python3.14 to python3.11)" >&2
    echo "hint: install one (Debian: python3-venv), or name it: PYTHON=/path/to/python3 $0" >&2
    return 1
}

# The stamp holds the path too: an editable install in a copied tree would run the original's code.
wanted_stamp() { echo "$root" && cat "$root/pyproject.toml"; }

make_environment() {
    if wanted_stamp | cmp -s - "$venv/stamp" && "$python" -c '' 2>/dev/null; then
        return
    fi
    local base
    base=$(find_python)
    say "making $venv with $("$base" --version)"
    "$base" -m venv --clear "$venv"
    "$python" -m pip install -qq --disable-pip-version-check --upgrade pip # --group needs pip 25.1
    "$python" -m pip install -qq --editable "$root" --group "$root/pyproject.toml:check"
    wanted_stamp >"$venv/stamp"
}

make_environment
