#!/bin/sh
# Makes the frames that fuzzing begins with: small ones of every kind that cwebp writes, each with a last byte for each
# scale. Run in this folder.
set -eu
out=corpus/decode
mkdir -p "$out"
rm -f "$out"/*-00?
scene() { # width height
    # Bytes from 1 on, which every awk writes.
    LC_ALL=C awk -v w="$1" -v h="$2" 'BEGIN {
        printf "P6\n%d %d\n255\n", w, h
        for (y = 0; y < h; y++) for (x = 0; x < w; x++)
            printf "%c%c%c", 128 + 100 * sin(x / 5) * cos(y / 7), 1 + (x * 9 + y * 4) % 255, 1 + (x * y) % 255
    }'
}
make() { # name width height arguments
    name=$1 width=$2 height=$3
    shift 3
    scene "$width" "$height" > scene.ppm
    cwebp -quiet "$@" scene.ppm -o one.webp
    # The simple form: the frame is behind twenty bytes.
    for byte in 000 001 002 003; do
        { tail -c +21 one.webp; printf "\\$byte"; } > "$out/$name-$byte"
    done
    rm scene.ppm one.webp
}
make tiny 1 1 -q 50
make odd 17 33 -q 75
make coarse 40 40 -q 0 -m 0
make fine 35 18 -q 100 -m 6
make simple 48 33 -q 40 -nostrong -f 60
make strong 48 33 -q 40 -strong -f 90 -sharpness 3
make segments 64 48 -q 30 -segments 4 -sns 100
make partitions 20 80 -q 60 -partition_limit 40 -m 4
make unfiltered 33 20 -q 80 -f 0
