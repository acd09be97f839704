"""Writes src/render/colormaps.txt from the tables of the Python package rio-tiler.

    python -m venv .venv && .venv/bin/pip install rio-tiler==9.4.12
    .venv/bin/python tools/colormaps.py > src/render/colormaps.txt

rio-tiler keeps 256 RGBA bytes per colormap. For the names that matplotlib has too
they are what ``colormap(numpy.linspace(0, 1, 256), bytes=True)`` gives there, so a
tile coloured here and one coloured by rio-tiler or TiTiler are equal byte by byte.

Every colour is opaque and is written as four characters of base64 (RFC 4648), red
first. A name that ends in ``_r`` is the reversed map; matplotlib reverses before it
samples, so some entries differ by rounding, and only those are written.
"""

import base64
import zlib
from importlib.metadata import version
from importlib.resources import files
from io import BytesIO

import numpy

HEADER = """\
# Colormaps: 256 colours each, four characters of base64 (red, green, blue) per colour.
# NAME_r lines hold only the entries that differ from NAME backwards, INDEX=COLOUR.
# CRC-32 of rio-tiler's {count} tables, RGBA, in the order of their names: {crc:08x}
#
# Made by tools/colormaps.py from the tables in rio-tiler {version}
# (https://github.com/cogeotiff/rio-tiler, BSD 3-Clause, (c) 2021 cogeotiff; the
# licence's text is at the end of this comment). Where rio-tiler has them from:
# - matplotlib (https://matplotlib.org, matplotlib licence, (c) 2012- Matplotlib
#   Development Team), which in turn has: viridis, magma, inferno, plasma, cividis and
#   twilight under CC0; turbo (c) 2019 Google LLC, Apache 2.0; the ColorBrewer maps
#   (c) 2002 Cynthia Brewer, Mark Harrower and The Pennsylvania State University,
#   Apache 2.0 (this product includes color specifications and designs developed by
#   Cynthia Brewer, https://colorbrewer.org/); gist_* from Yorick, (c) 1996 The Regents
#   of the University of California.
# - cmocean (https://matplotlib.org/cmocean/, MIT, (c) 2015 Kristen M. Thyng): algae,
#   amp, balance, curl, deep, delta, dense, diff, haline, ice, matter, oxy, phase, rain,
#   solar, speed, tarn, tempo, thermal, topo and turbid.
# - rio-tiler itself: cfastie, rplumbo and schwarzwald.
#
# Redistribution and use in source and binary forms, with or without modification, are
# permitted provided that the following conditions are met:
# 1. Redistributions of source code must retain the above copyright notice, this list of
#    conditions and the following disclaimer.
# 2. Redistributions in binary form must reproduce the above copyright notice, this list
#    of conditions and the following disclaimer in the documentation and/or other
#    materials provided with the distribution.
# 3. Neither the name of the copyright holder nor the names of its contributors may be
#    used to endorse or promote products derived from this software without specific
#    prior written permission.
# THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY
# EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF
# MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL
# THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
# SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT
# OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
# HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR
# TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS
# SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE."""


def tables():
    """Name -> array (256, 3), after a check that nothing else is in the files."""
    found = {}
    for file in (files("rio_tiler") / "cmap_data").iterdir():
        if file.name.endswith(".npy"):
            table = numpy.load(BytesIO(file.read_bytes()))
            assert table.shape == (256, 4) and table.dtype == numpy.uint8, file.name
            assert (table[:, 3] == 255).all(), f"{file.name} has transparent colours"
            found[file.name.removesuffix(".npy")] = table
    return dict(sorted(found.items()))


def color(rgba):
    return base64.b64encode(bytes(rgba[:3])).decode()


def main():
    found = tables()
    crc = 0
    for table in found.values():
        crc = zlib.crc32(table.tobytes(), crc)
    print(HEADER.format(version=version("rio-tiler"), count=len(found), crc=crc))
    for name, table in found.items():
        original = name.removesuffix("_r")
        if name == original or original not in found:
            print(name, "".join(color(rgba) for rgba in table))
            continue
        differing = (table != found[original][::-1]).any(axis=1).nonzero()[0]
        if len(differing):
            print(name, *(f"{index}={color(table[index])}" for index in differing))


main()
