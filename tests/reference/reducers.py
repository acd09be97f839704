"""Reduces a stack with numpy and geomad, and compares what CubeTiler made of it.

    reducers.py FOLDER

FOLDER has manifest.json (the shape [observation, band, row, col] and the names of the
rules), stack.raw and, for each rule, NAME.raw with its bands and the count: uint16,
little-endian. Exits with 1 if a sample differs. All have to be equal but those of the
geometric median, which two iterations find to a unit or a thousandth.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import geomad
import numpy as np


def half_up(values):
    """Rounds; what is in the middle of two whole numbers but for the last bits, up."""
    return np.floor(values + 0.5 + 1e-7)


def spectra(stack):
    """[pixel, observation, band] of floats, and which observations are valid."""
    observations, bands = stack.shape[:2]
    x = stack.reshape(observations, bands, -1).transpose(2, 0, 1)
    return x.astype(np.float64), x[:, :, 0] > 0


def choose(stack, score):
    """The observation with the least score at each pixel; of equal ones the lesser."""
    x, valid = spectra(stack)
    chosen = np.zeros((x.shape[0], x.shape[2]))
    for pixel in np.flatnonzero(valid.any(axis=1)):
        observations = x[pixel][valid[pixel]]
        scores = score(observations)
        best = min(range(len(scores)), key=lambda n: (scores[n], *observations[n]))
        chosen[pixel] = observations[best]
    return chosen.T.reshape(stack.shape[1:])


def sums_of_distances(observations):
    distances = np.sqrt(((observations[:, None] - observations) ** 2).sum(axis=2))
    # To a 65536th, so that sums do not depend on the order of what is summed.
    return (np.round(distances * 65536) / 65536).sum(axis=1)


def normalised_difference(a, b):
    # Exact to far less than two fractions of uint16 values differ by.
    return lambda x: np.round((x[:, a] - x[:, b]) / (x[:, a] + x[:, b]), 12)


def geometric_median(stack):
    """By geomad; of two observations the middle, as all points between are medians."""
    x = np.ascontiguousarray(stack.transpose(2, 3, 1, 0))
    # The scale makes float32 of samples, in which a step can be this small.
    median = geomad.nangeomedian_pcm(
        x, maxiters=20_000, eps=1e-7, num_threads=1, nodata=0, scale=1e-4
    ).transpose(2, 0, 1)
    count = (stack[:, 0] > 0).sum(axis=0)
    middle = stack.sum(axis=0) / np.maximum(count, 1)
    return np.where(count <= 2, half_up(middle), median)


def reduce(stack, rule):
    name, *arguments = rule.split("-")
    arguments = [int(argument) for argument in arguments]
    valid = np.where(stack > 0, stack.astype(np.float64), np.nan)
    match name:
        case "median":
            return half_up(np.nanmedian(valid, axis=0))
        case "mean":
            return half_up(np.nanmean(valid, axis=0))
        case "percentile":
            return half_up(np.nanpercentile(valid, arguments[0], axis=0, method="linear"))
        case "medoid":
            return choose(stack, sums_of_distances)
        case "greatest":
            difference = normalised_difference(*arguments)
            return choose(stack, lambda x: -difference(x))
        case "least":
            return choose(stack, normalised_difference(*arguments))
        case "geomedian":
            return geometric_median(stack)
    raise SystemExit(f"{rule}: no such rule")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder

    manifest = json.loads((folder / "manifest.json").read_text())
    shape = manifest["shape"]
    stack = np.fromfile(folder / "stack.raw", "<u2").reshape(shape)
    count = (stack[:, 0] > 0).sum(axis=0)
    print(f"{shape}: from {count.min()} to {count.max()} observations a pixel")

    # Where no observation is valid, numpy warns and gives NaN, which becomes 0 here.
    warnings.simplefilter("ignore", RuntimeWarning)
    failed = False
    for rule in manifest["rules"]:
        made = np.fromfile(folder / f"{rule}.raw", "<u2").reshape(shape[1] + 1, *shape[2:]).astype(np.float64)
        expected = np.where(count > 0, reduce(stack, rule), 0)
        difference = np.abs(made[:-1] - expected)
        tolerance = np.maximum(1, expected * 1e-3) if rule == "geomedian" else 0
        different = (difference > tolerance).any(axis=0)
        miscounted = made[-1] != count
        failed |= bool(different.any() or miscounted.any())
        print(
            f"{rule:>16}: {different.sum()} pixels differ, by up to {difference.max():g};"
            f" {miscounted.sum()} are counted otherwise"
        )
        if different.any():
            row, col = np.argwhere(different)[0]
            print(f"{'':>16}  first at {row}, {col}: {made[:-1, row, col]}, not {expected[:, row, col]}, of")
            print(stack[:, :, row, col])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
