"""Which pixels of random mask images are dropped, by scikit-image.

    masks.py FOLDER --shape ROWS COLS --images COUNT

Writes COUNT images of each kind of mask as FOLDER/{scl,fmask,qa}.raw, little-endian
uint16, and for each rule below FOLDER/{kind}-{rule}.raw, one byte a pixel, 1 where the
rule drops it. The rules are stated here a second time, from the documents of the masks
and the code of odc-stats, and computed without anything of CubeTiler's.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.morphology import isotropic_dilation, isotropic_erosion


def dilate(mask, radius):
    # Without a single cell there is no distance to it: scipy then measures that to a
    # cell outside of the image, and a part of it becomes cloud.
    return isotropic_dilation(mask, radius) if mask.any() else mask


def erode(mask, radius):
    return mask if mask.all() else isotropic_erosion(mask, radius)


def cleaned(mask, closing=0, opening=0, dilation=0):
    if closing:
        mask = erode(dilate(mask, closing), closing)
    if opening:
        mask = dilate(erode(mask, opening), opening)
    return dilate(mask, dilation) if dilation else mask


def has_bit(image, *bits):
    return (image & sum(1 << bit for bit in bits)) != 0


# Each from an image to what is dropped of it.
RULES = {
    "scl": {
        "scl-default": lambda scl: np.isin(scl, [0, 1, 3, 8, 9, 10]),
        "scl-strict": lambda scl: ~np.isin(scl, [4, 5, 6]),
        "seed": lambda scl: (scl == 0) | cleaned(~np.isin(scl, [4, 5]), closing=5, opening=5),
        # odc/stats/plugins/gm.py, StatsGMS2: one filter for all four classes at once.
        "odc-stats": lambda scl: (scl == 0) | cleaned(np.isin(scl, [3, 8, 9, 10]), opening=2, dilation=5),
        "wider": lambda scl: (scl == 0) | cleaned(np.isin(scl, [1, 3, 8, 9, 10]), dilation=3),
        "own": lambda scl: (
            (scl == 0)
            | (scl == 1)
            | cleaned(np.isin(scl, [8, 9, 10]), opening=2, dilation=5)
            | cleaned(scl == 3, closing=4, dilation=2)
            | cleaned(~np.isin(scl, [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]), closing=1, opening=1, dilation=1)
        ),
    },
    "fmask": {
        "fmask": lambda fmask: (fmask == 255) | has_bit(fmask, 1, 2, 3),
        "own": lambda fmask: (
            (fmask == 255)
            | cleaned(has_bit(fmask, 1) & (fmask != 255), dilation=7)
            | cleaned(has_bit(fmask, 3, 4) & (fmask != 255), closing=3, opening=2)
        ),
    },
    "qa": {
        "qa-pixel": lambda qa: has_bit(qa, 0, 1, 2, 3, 4),
        "own": lambda qa: has_bit(qa, 0) | cleaned(has_bit(qa, 1, 2, 3, 4), opening=1, dilation=30),
    },
}


def patches(random, shape, share, size):
    """Blobs of a typical size that cover a share of the image, and specks beside them."""
    noise = gaussian_filter(random.standard_normal(shape), size)
    return (noise > np.quantile(noise, 1 - share)) ^ (random.random(shape) < 0.0004)


def unseen(random, shape):
    """A swath's slanted edge."""
    rows, cols = np.indices(shape)
    return cols + rows * random.uniform(-0.5, 0.5) < random.uniform(-0.1, 0.2) * shape[1]


def scl_image(random, shape):
    image = random.choice(np.array([4, 5], dtype="<u2"), p=[0.7, 0.3], size=shape)
    for scene_class, size in [(6, 8), (2, 3), (7, 2), (11, 6), (3, 5), (10, 9), (8, 4), (9, 6), (1, 1)]:
        image[patches(random, shape, random.uniform(0.01, 0.07), size)] = scene_class
    image[unseen(random, shape)] = 0
    return image


def fmask_image(random, shape):
    image = np.zeros(shape, dtype="<u2")
    for bit, size in [(1, 7), (2, 8), (3, 5), (4, 4), (5, 9), (6, 12), (7, 12)]:
        image |= patches(random, shape, random.uniform(0.02, 0.15), size).astype("<u2") << bit
    image[unseen(random, shape)] = 255
    return image


def qa_image(random, shape):
    image = np.full(shape, 0b0101_0101_0000_0000, dtype="<u2")
    for bit, size in [(1, 25), (2, 30), (3, 20), (4, 20), (5, 4), (6, 9), (7, 9), (9, 6), (15, 6)]:
        image |= patches(random, shape, random.uniform(0.001, 0.01), size).astype("<u2") << bit
    image[unseen(random, shape)] = 1
    return image


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shape", type=int, nargs=2, required=True)
    parser.add_argument("--images", type=int, required=True)
    args = parser.parse_args()

    random = np.random.default_rng(20230801)
    for kind, make in {"scl": scl_image, "fmask": fmask_image, "qa": qa_image}.items():
        images = [make(random, tuple(args.shape)) for _ in range(args.images)]
        np.stack(images).astype("<u2").tofile(args.folder / f"{kind}.raw")
        for name, rule in RULES[kind].items():
            np.stack([rule(image) for image in images]).tofile(args.folder / f"{kind}-{name}.raw")


if __name__ == "__main__":
    main()
