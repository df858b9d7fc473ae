#!/bin/sh
# Takes out of a virtual environment what nothing here reads when it runs: the packages' own tests (70 MB of the
# worker's, pandas' alone 46), type stubs, what C compilers want, and of pyarrow its RPC client and the copies of a
# library that its wheel holds three times. 70 MB of the API's image, 160 MB of the worker's.
set -eu
cd "$1"/lib/python3.*/site-packages

find . -type d -name tests -prune -exec rm -r {} +
find . -type f \( -name '*.pyi' -o -name '*.px[di]' -o -name '*.pyx' -o -name '*.h' -o -name '*.hpp' -o -name '*.a' \) -delete

cd pyarrow
rm -r include src flight.py _flight.*.so libarrow_flight.so.* libarrow_python_flight.so*
# A wheel cannot hold links. The name with one number is the one that is linked against.
rm libarrow_python*.so libarrow_python*.so.*.*.*
