"""Compares a built cube with the reference composite of zagreb.py.

    compare.py BUILT REFERENCE.npz --threshold SHARE

BUILT is a cube (an Icechunk repository or a plain Zarr directory) or another
.npz of zagreb.py. Exits with 1 when a band has a smaller share of equal cells,
away from the edges of the data, than SHARE: 1.0 for nearest, 0.999 for bilinear.
"""

import argparse
from pathlib import Path

import numpy as np
import xarray as xr
from cube import leave, open_store

NOT_BANDS = {"near_edge", "bounds", "resolution", "start"}


def read(built, reference, bands):
    """The bands of `built` on the cells and at the time step of `reference`."""
    if Path(built).suffix == ".npz":
        other = np.load(built)
        return {band: other[band] for band in bands}
    west, _, _, north = reference["bounds"]
    size = float(reference["resolution"])
    rows, cols = reference["count"].shape
    cube = xr.open_zarr(open_store(built), group="0", consolidated=False, mask_and_scale=False)
    cells = cube[bands].sel(
        {"latitude": north - (np.arange(rows) + 0.5) * size, "longitude": west + (np.arange(cols) + 0.5) * size},
        method="nearest",
        tolerance=size * 1e-6,
    )
    step = cells.sel(time=reference["start"]).transpose("latitude", "longitude")
    return {band: step[band].to_numpy() for band in bands}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("built")
    parser.add_argument("reference", type=Path)
    parser.add_argument("--threshold", type=float, required=True)
    args = parser.parse_args()

    reference = np.load(args.reference)
    bands = [name for name in reference if name not in NOT_BANDS]
    built = read(args.built, reference, bands)
    inner = ~reference["near_edge"]
    print(f"{inner.mean():.2%} of {inner.size} cells are away from the edges of the data")

    failed = False
    for band in bands:
        difference = np.abs(built[band].astype(np.int64) - reference[band])
        equal = (difference[inner] == 0).mean()
        failed |= equal < args.threshold
        print(
            f"{band:>8}: {equal:.6%} equal, {(difference[inner] > 0).sum()} cells differ"
            f" by up to {difference[inner].max()}; near edges {(difference[~inner] == 0).mean():.4%} equal"
            f"{'' if equal >= args.threshold else f'  (less than {args.threshold:.4%})'}"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    leave(main())
