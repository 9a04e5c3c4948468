#!/bin/sh
# Makes the files that fuzzing begins with: small ones of every kind that cjpeg (libjpeg-turbo-progs) writes, each with
# a last byte for each scale. Run in this folder.
set -eu
out=corpus/decode
mkdir -p "$out"
rm -f "$out"/*
scene() { # width height
    awk -v w="$1" -v h="$2" 'BEGIN {
        printf "P3\n%d %d\n255\n", w, h
        for (y = 0; y < h; y++) for (x = 0; x < w; x++)
            printf "%d %d %d\n", 128 + 100 * sin(x / 5) * cos(y / 7), (x * 9 + y * 4) % 256, (x * y) % 256
    }'
}
make() { # name width height arguments
    name=$1 width=$2 height=$3
    shift 3
    scene "$width" "$height" | cjpeg -optimize -quality 60 "$@" > one.jpg
    case $name in
    *-full) byte='\000' ;;
    *-half) byte='\001' ;;
    *-quarter) byte='\002' ;;
    *) byte='\003' ;;
    esac
    { cat one.jpg; printf "$byte"; } > "$out/$name"
    rm one.jpg
}
cat > split.txt <<'SCANS'
0;
1;
2;
SCANS
cat > fine.txt <<'SCANS'
0,1,2: 0-0, 0, 1;
0: 1-5, 0, 2;
0: 6-63, 0, 2;
1: 1-63, 0, 1;
2: 1-63, 0, 1;
0: 1-63, 2, 1;
0,1,2: 0-0, 1, 0;
1: 1-63, 1, 0;
2: 1-63, 1, 0;
0: 1-63, 1, 0;
SCANS
for scale in full half quarter eighth; do
    make "grey-$scale" 19 17 -grayscale
    make "grey-progressive-$scale" 19 17 -grayscale -progressive
    make "444-$scale" 20 18 -sample 1x1
    make "420-$scale" 35 18 -sample 2x2
    make "422-restart-$scale" 34 20 -sample 2x1 -restart 1B
    make "411-$scale" 37 9 -sample 4x1
    make "odd-$scale" 30 20 -sample 3x2 -optimize
    make "mixed-$scale" 30 20 -sample 1x2,2x1,1x1
    make "progressive-$scale" 33 20 -sample 2x2 -progressive
    make "progressive-restart-$scale" 33 20 -sample 2x1 -progressive -restart 2B
    make "split-$scale" 20 20 -scans split.txt
    make "fine-$scale" 34 19 -sample 2x2 -scans fine.txt
    make "rgb-$scale" 17 17 -rgb
done
rm split.txt fine.txt
