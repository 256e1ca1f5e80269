#!/usr/bin/env python3
"""Writes the built-in digits as compressed IDX files next to this script.

    pip download --no-deps scikit-learn && python3 digits.py scikit_learn-*.whl

Uses the Python standard library only. The result is the same byte for byte whatever the version of scikit-learn, as long
as its copy of the data does not change.
"""

import gzip
import pathlib
import struct
import sys
import zipfile

SOURCE = "sklearn/datasets/data/digits.csv.gz"


def write(name, shape, values):
    header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    path = pathlib.Path(__file__).with_name(name)
    # A fixed time stamp and no file name keep the file reproducible.
    path.write_bytes(gzip.compress(header + bytes(values), compresslevel=9, mtime=0))
    print(f"{path.name}: {shape}, {path.stat().st_size} bytes")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        lines = gzip.decompress(wheel.read(SOURCE)).decode().splitlines()
    rows = [[int(float(field)) for field in line.split(",")] for line in lines]
    if any(len(row) != 65 or not all(0 <= x <= 16 for x in row) for row in rows):
        sys.exit(f"{SOURCE} does not hold 64 pixels of 0..16 and a label in each line.")
    pixels = [x for row in rows for x in row[:64]]
    write("digits-images-idx3-ubyte.gz", (len(rows), 8, 8), pixels)
    write("digits-labels-idx1-ubyte.gz", (len(rows),), [row[64] for row in rows])


if __name__ == "__main__":
    main()
