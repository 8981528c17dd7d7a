from __future__ import annotations

import gzip
import lzma
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import lz4.block
import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from backends.images import deb, kernel
from backends.images.apt import depended
from backends.images.compression import CompressionError, decompress
from backends.images.tiny import applets, modules_dep
from tests.image_bench import make_bzimage, make_deb, make_elf


def lz4_legacy(data: bytes) -> bytes:
    out = b"\x02\x21\x4c\x18"
    for start in range(0, len(data), 8 << 20):
        block = lz4.block.compress(data[start : start + (8 << 20)], store_size=False)
        out += len(block).to_bytes(4, "little") + block
    return out


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
    "zstd": zstandard.ZstdCompressor().compress,
    "lz4": lz4.frame.compress,
    "lz4-legacy": lz4_legacy,
}


@pytest.mark.parametrize("name", COMPRESSIONS)
@given(data=st.binary(max_size=5000))
def test_every_compression_comes_back(name: str, data: bytes) -> None:
    assert decompress(COMPRESSIONS[name](data)) == data


@pytest.mark.parametrize("name", ["gzip", "xz", "zstd", "lz4-legacy"])
def test_a_kernel_payload_of_each_compression_is_unpacked(name: str) -> None:
    elf = make_elf()
    # The build appends the uncompressed size to the payload.
    payload = COMPRESSIONS[name](elf) + len(elf).to_bytes(4, "little")
    image = make_bzimage(payload)
    assert kernel.unpack(image) == elf
    assert kernel.release(image) == "6.9.0-test"


def test_lz4_blocks_are_joined() -> None:
    data = bytes(range(256)) * (5 << 12) * 8
    assert len(data) > 2 * (8 << 20)
    assert decompress(lz4_legacy(data) + len(data).to_bytes(4, "little")) == data


@pytest.mark.parametrize("name", ["gzip", "xz", "zstd", "lz4", "lz4-legacy"])
def test_damaged_streams_are_refused(name: str) -> None:
    packed = bytearray(COMPRESSIONS[name](bytes(range(256)) * 50))
    packed[8:30] = b"\xff" * 22
    with pytest.raises(CompressionError):
        decompress(bytes(packed))


@pytest.mark.parametrize("name", ["gzip", "xz", "zstd"])
def test_streams_that_end_too_early_are_refused(name: str) -> None:
    packed = COMPRESSIONS[name](bytes(range(256)) * 50)
    with pytest.raises(CompressionError, match="ends too early"):
        decompress(packed[: len(packed) // 2])


def test_unknown_compression_is_named() -> None:
    with pytest.raises(CompressionError, match="unknown compression, begins with 6e6f7065"):
        decompress(b"nope")


def test_a_kernel_without_pvh_is_refused() -> None:
    with pytest.raises(kernel.KernelError, match="CONFIG_PVH"):
        kernel.unpack(make_bzimage(gzip.compress(make_elf(pvh=False))))


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (b"MZ", "not a bzImage"),
        (make_bzimage(gzip.compress(make_elf()))[:2150], "cut off"),
        (make_bzimage(b"whatever it is"), "unknown compression"),
        (make_bzimage(gzip.compress(b"no program")), "not an ELF"),
        (make_bzimage(gzip.compress(make_elf())[:-9]), "ends too early"),
    ],
    ids=["no-header", "cut-off", "unknown", "no-elf", "short-payload"],
)
def test_images_that_are_no_kernels_are_refused(image: bytes, says: str) -> None:
    with pytest.raises(kernel.KernelError, match=says):
        kernel.unpack(image)


def test_a_modules_signature_is_cut_off() -> None:
    signature = b"s" * 300
    trailer = bytes(8) + len(signature).to_bytes(4, "big")
    signed = b"module" + signature + trailer + b"~Module signature appended~\n"
    assert kernel.without_signature(signed) == b"module"
    assert kernel.without_signature(b"module") == b"module"


@pytest.mark.parametrize(
    ("compress", "suffix"),
    [
        (lzma.compress, ".xz"),
        (gzip.compress, ".gz"),
        (zstandard.ZstdCompressor().compress, ".zst"),
        (bytes, ""),
    ],
)
def test_packages_of_each_compression_are_read(
    tmp_path: Path, compress: Callable[[bytes], bytes], suffix: str
) -> None:
    files = {"/usr/bin/tool": b"odd", "/usr/bin/t": "tool", "/lib/l": "/usr/bin/t"}
    path = make_deb(tmp_path / "tool.deb", files, compress=compress, suffix=suffix)
    package = deb.Package(path)
    assert package.names == ("/usr/bin/tool", "/usr/bin/t", "/lib/l")
    assert package.read("/lib/l") == package.read("/usr/bin/tool") == b"odd"
    assert deb.control(path) == {"Package": "tool", "Version": "1.0", "Description": "one\ntwo"}


def test_links_that_lead_nowhere_or_in_circles_do_not_hang(tmp_path: Path) -> None:
    package = deb.Package(make_deb(tmp_path / "links.deb", {"/a": "b", "/b": "a", "/c": "gone"}))
    with pytest.raises(deb.DebError, match="link to itself"):
        package.read("/a")
    with pytest.raises(KeyError):
        package.read("/c")


@given(st.binary(max_size=300))
def test_rubbish_is_no_package(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("rubbish") / "x.deb"
    for content in (data, b"!<arch>\n" + data):
        path.write_bytes(content)
        with pytest.raises(deb.DebError):
            deb.Package(path)


def test_a_package_cut_off_anywhere_is_refused_or_whole(tmp_path: Path) -> None:
    path = make_deb(tmp_path / "cut.deb", {"/f": b"content" * 100})
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(deb.DebError):
            deb.Package(path)


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
def test_a_package_made_by_dpkg_is_read(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: real\nVersion: 2\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: d\n"
    )
    (tree / "opt").mkdir()
    (tree / "opt" / "file").write_bytes(b"from dpkg")
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", tree, tmp_path / "real.deb"], check=True, capture_output=True
    )
    assert deb.Package(tmp_path / "real.deb").read("/opt/file") == b"from dpkg"


def test_depended_names_every_alternative() -> None:
    field = "libc6 (>= 2.34), zlib1g:any (>= 1:1.1.4) | libz,\n debconf"
    assert list(depended(field)) == ["libc6", "zlib1g", "libz", "debconf"]
    assert list(depended(" , ")) == []


def test_the_applet_table_is_found_in_a_program() -> None:
    program = b"\x7fELF junk\0[\0[[\0acpid\0ash\0busybox\0cat\0init\0sh\0zcat\0kernel\0panic\0"
    assert applets(program) == ["[", "[[", "acpid", "ash", "cat", "sh", "zcat"]


def test_modules_are_loaded_after_what_they_need() -> None:
    table = modules_dep(
        {"net": ("virtio", "ring", "built_in"), "virtio": ("ring",), "ring": (), "rng-x": ("virtio",)}
    )
    assert table == ("net.ko: virtio.ko ring.ko\nring.ko:\nrng-x.ko: virtio.ko ring.ko\nvirtio.ko: ring.ko\n")
