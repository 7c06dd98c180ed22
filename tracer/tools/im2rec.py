"""`python -m tracer.tools.im2rec`: lists of the pictures in a folder, and record files of the pictures in lists.

With --list it writes PREFIX.lst: lines of a number, labels and a path, separated by tabs. Without, it reads the lists
that begin with PREFIX and writes a record file and its index for each. The options are those of MXNet's im2rec.py.
"""
from __future__ import annotations

import argparse
import os
import random
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tracer import recordio
from tracer.ops.npx.pictures.resampling import resize
from tracer.picture_files import decode_unchanged
from tracer.whole_files import replacing

__all__: list[str] = []

#: A picture in a list: its number, its path, and its labels.
Item = tuple[int, str, list[float]]


def list_images(root: str, recursive: bool, exts: Sequence[str]) -> Iterator[Item]:
    """The pictures in a folder, in the order of their names; with `recursive` each folder in it has a label."""
    labels: dict[str, int] = {}
    number = 0
    for folder, folders, files in os.walk(root, followlinks=True):
        folders.sort()
        for name in sorted(files):
            if os.path.splitext(name)[1].lower() in exts:
                label = labels.setdefault(folder, len(labels)) if recursive else 0
                yield number, os.path.relpath(os.path.join(folder, name), root), [float(label)]
                number += 1
        if not recursive:
            return
    for folder, label in labels.items():
        print(os.path.relpath(folder, root), label)


def write_list(path: str, items: Iterable[Item]) -> None:
    """Write a list of pictures."""
    with replacing(path, "w") as file:
        for number, name, labels in items:
            file.write("\t".join([str(number), *[f"{label:f}" for label in labels], name]) + "\n")


def read_list(path: str) -> Iterator[Item]:
    """The pictures in a list; lines of another form are left out, which is printed."""
    with open(path) as file:
        for line in file:
            words = [word.strip() for word in line.strip().split("\t")]
            if len(words) < 3:
                print(f"lst should have at least has three parts, but only has {len(words)} parts for {words}")
                continue
            try:
                yield int(words[0]), words[-1], [float(word) for word in words[1:-1]]
            except ValueError as error:
                print(f"Parsing lst met error for {words}, detail: {error}")


def make_lists(args: argparse.Namespace) -> None:
    """Write the lists of the pictures in a folder."""
    items = list(list_images(args.root, args.recursive, args.exts))
    if args.shuffle:
        random.seed(100)
        random.shuffle(items)
    size = -(-len(items) // args.chunks)
    for i in range(args.chunks):
        part = items[i * size:(i + 1) * size]
        name = args.prefix + (f"_{i}" if args.chunks > 1 else "")
        train, test = int(size * args.train_ratio), int(size * args.test_ratio)
        if args.train_ratio == 1.0:
            write_list(name + ".lst", part)
            continue
        if args.test_ratio:
            write_list(name + "_test.lst", part[:test])
        if args.train_ratio + args.test_ratio < 1.0:
            write_list(name + "_val.lst", part[test + train:])
        write_list(name + "_train.lst", part[test:test + train])


def packed(args: argparse.Namespace, item: Item) -> bytes | None:
    """The record of a picture; None, which is printed, if it cannot be read."""
    number, name, labels = item
    header = recordio.IRHeader(0, labels if len(labels) > 1 and args.pack_label else labels[0], number, 0)
    try:
        with open(os.path.join(args.root, name), "rb") as file:
            data = file.read()
        if args.pass_through:
            return recordio.pack(header, data)
        return recordio.pack_img(header, _changed(args, decode_unchanged(data, args.color, name)), args.quality,
                                 args.encoding)
    except (OSError, recordio.MXNetError) as error:
        print(f"pack_img error on file: {name} {error}", file=sys.stderr)
        return None


def _changed(args: argparse.Namespace, picture: Any) -> Any:
    """A picture cut to a square and resized, if that is asked for."""
    if args.center_crop:
        margin = abs(picture.shape[0] - picture.shape[1]) // 2
        side = min(picture.shape[:2])
        picture = picture[margin:margin + side] if picture.shape[0] > side else picture[:, margin:margin + side]
    if args.resize:
        rows, columns = picture.shape[:2]
        short = args.resize
        height, width = (rows * short // columns, short) if rows > columns else (short, columns * short // rows)
        made = resize(picture.reshape(rows, columns, -1), height, width)
        picture = made if picture.ndim == 3 else made[..., 0]
    return picture


def write_records(args: argparse.Namespace, path: str) -> int:
    """Write the record file of a list; returns the number of records."""
    base = os.path.splitext(path)[0]
    record = recordio.MXIndexedRecordIO(base + ".idx", base + ".rec", "w")
    count = 0
    with ThreadPoolExecutor(max(args.num_thread, 1)) as pool:
        waiting: deque[tuple[int, Future[bytes | None]]] = deque()

        def write_first() -> int:
            number, future = waiting.popleft()
            made = future.result()
            if made is not None:
                record.write_idx(number, made)
            return made is not None

        for item in read_list(path):
            waiting.append((item[0], pool.submit(packed, args, item)))
            if len(waiting) > 4 * args.num_thread:
                count += write_first()
        while waiting:
            count += write_first()
    record.close()
    return count


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser("im2rec", description="Write a list of the pictures in a folder, or the record "
                                     "file of a list.", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("prefix", help="the beginning of the paths of lists and record files")
    add("root", help="the folder of the pictures")
    add("--list", action="store_true", help="write lists; otherwise record files")
    add("--exts", nargs="+", default=[".jpeg", ".jpg", ".png"], help="the ends of the pictures' names")
    add("--chunks", type=int, default=1, help="the number of lists")
    add("--train-ratio", type=float, default=1.0, help="the share of pictures for training")
    add("--test-ratio", type=float, default=0, help="the share of pictures for the test")
    add("--recursive", action="store_true", help="list the folders in the folder, each with a label of its own")
    add("--no-shuffle", dest="shuffle", action="store_false", help="keep the order of names")
    add("--pass-through", action="store_true", help="pack the files as they are")
    add("--resize", type=int, default=0, help="the size of the shorter side; 0: as it is")
    add("--center-crop", action="store_true", help="cut out the square in the middle")
    add("--quality", type=int, default=95, help="JPEG: 1 to 100; PNG: the level of compression, 1 to 9")
    add("--num-thread", type=int, default=1, help="the number of threads that encode pictures")
    add("--color", type=int, default=1, choices=[-1, 0, 1], help="1: three channels, 0: gray, -1: as in the file")
    add("--encoding", default=".jpg", choices=[".jpg", ".png"], help="the format of the packed pictures")
    add("--pack-label", action="store_true", help="pack several labels of a picture")
    args = parser.parse_args(arguments)
    args.prefix, args.root = os.path.abspath(args.prefix), os.path.abspath(args.root)
    return args


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program; `arguments` are those of the command line by default."""
    args = parsed(arguments)
    if args.list:
        make_lists(args)
        return
    folder = args.prefix if os.path.isdir(args.prefix) else os.path.dirname(args.prefix)
    lists = [path for name in sorted(os.listdir(folder))
             if (path := os.path.join(folder, name)).startswith(args.prefix) and name.endswith(".lst")]
    for path in lists:
        print(f"Creating .rec file from {path} in {folder}")
        print(f"{write_records(args, path)} pictures")
    if not lists:
        print(f"Did not find and list file with prefix {args.prefix}")


if __name__ == "__main__":
    main()
