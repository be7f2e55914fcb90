#!/usr/bin/env python3
"""The rentals as numbers, as the built-in XGBoost wants them: no header, no text, the label first.

    python prepare.py [FOLDER]      writes train.csv, validation.csv and test.csv [default: prepared, beside this file]
"""

import csv
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
LABEL = "bikers"
# `casual` and `registered` add up to the label: they are left out.
FEATURES = [
    "season", "mnth", "day", "hr", "holiday", "weekday", "workingday", "weathersit", "temp", "atemp", "hum",
    "windspeed",
]
WORDS = {
    "mnth": "Jan Feb March April May June July Aug Sept Oct Nov Dec".split(),
    "weathersit": ["clear", "cloudy/misty", "light rain/snow", "heavy rain/snow"],
}


def rows():
    with open(HERE / "bikeshare.csv", newline="") as file:
        for row in csv.DictReader(file):
            for column, words in WORDS.items():
                row[column] = words.index(row[column]) + 1
            yield [row[LABEL], *(row[feature] for feature in FEATURES)]


def prepare(folder):
    """Of ten hours, eight are to learn from, one to check against while learning, one to judge by."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"train": [], "validation": [], "test": []}
    for number, row in enumerate(rows()):
        parts[{4: "validation", 9: "test"}.get(number % 10, "train")].append(row)
    for name, part in parts.items():
        with open(folder / f"{name}.csv", "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(part)
        print(f"{len(part):>5} hours in {folder / name}.csv")


if __name__ == "__main__":
    prepare(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "prepared")
