#!/bin/sh
# Builds the C harnesses of tests/native/c with sanitizers and runs them: first address and undefined behaviour,
# then threads. No Python is in the way, so a finding is ours. Any finding fails.
set -eu
cd "$(dirname "$0")/.."
out=build/sanitize
mkdir -p "$out"
speexdsp=native/vendor/speexdsp
flags="-std=gnu11 -g -O1 -fno-omit-frame-pointer -Wall -Wextra -Wno-unused-parameter $(printf -- "-I%s " native/c native/c/*/) -DHAVE_CONFIG_H -I$speexdsp -I$speexdsp/include"
libraries="-lopus -lcrypto -lm -lpthread"

build_and_run() {  # $1: name of the sanitizer set, $2: its flags
    for harness in tests/native/c/*_main.c; do
        name="$(basename "$harness" _main.c)"
        wraps="$(sed -n 's/^ \* Wraps: //p' "$harness")"  # calls that this harness answers in the library's place
        # shellcheck disable=SC2046,SC2086
        ${CC:-gcc} $flags $2 $([ -z "$wraps" ] || printf -- "-Wl,--wrap=%s " $wraps) -o "$out/$name-$1" "$harness" native/c/*/*.c "$speexdsp"/src/*.c $libraries
        echo "sanitize: $name under $1"
        "$out/$name-$1"
    done
}

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
build_and_run address "-fsanitize=address,undefined -fno-sanitize-recover=all"
build_and_run thread "-fsanitize=thread -O2"  # real threads against a real clock
echo "sanitize: clean"
