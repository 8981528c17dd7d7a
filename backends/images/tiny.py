"""The tiny guest: a distribution's kernel, busybox, an SSH server and an SFTP server in one initramfs."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path, PurePosixPath

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from backends.base import BackendError
from backends.images import cpio, kernel, wake
from backends.images.compression import CompressionError, compression_of, decompress
from backends.images.deb import DebError, Package
from backends.images.recipe import INITRAMFS, KERNEL, PackageFile, Requirement

VERSION = 4
"""Raised when the same packages and guest files make a different image."""

MODULES = ("virtio_mmio", "virtio_pci", "virtio_net", "virtio_blk", "virtio_console", "virtio_rng")
"""Drivers the guest loads when there is such a device; what they depend on comes along."""

SKIPPED_INITCALLS = (
    "crypto_kdf108_init",
    "ftrace_check_for_weak_functions",
    "init_kprobe_trace",
    "trace_eval_init",
    "tracer_init_tracefs",
)
"""Starts of the kernel's tracing and of one self-test: without them a boot takes a seventh less time."""

LIBRARY_FOLDERS = ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64")

GUEST_FILES = {
    "inittab": ("/etc/inittab", 0o644),
    "boot": ("/etc/vmbench/boot", 0o755),
    "control": ("/etc/vmbench/control", 0o755),
    "halt": ("/etc/vmbench/halt", 0o755),
    "fstab": ("/etc/fstab", 0o644),
    "profile": ("/etc/profile", 0o644),
    "passwd": ("/etc/passwd", 0o644),
    "shadow": ("/etc/shadow", 0o600),
    "group": ("/etc/group", 0o644),
    "hosts": ("/etc/hosts", 0o644),
    "hostname": ("/etc/hostname", 0o644),
    "os-release": ("/etc/os-release", 0o644),
    "resolv.conf": ("/etc/resolv.conf", 0o644),
    "shells": ("/etc/shells", 0o644),
}
"""File in the ``guest`` folder → path and permissions in the guest."""

DIRECTORIES = {
    ".": 0o755,
    "/data": 0o755,
    "/dev": 0o755,
    "/etc/dropbear": 0o700,
    "/mnt": 0o755,
    "/proc": 0o555,
    "/root": 0o700,
    "/root/.ssh": 0o700,
    "/run": 0o755,
    "/sys": 0o555,
    "/tmp": 0o1777,  # noqa: S108 - a path in the guest
    "/usr/local/bin": 0o755,
    "/var/log": 0o755,
    "/var/tmp": 0o1777,  # noqa: S108 - a path in the guest
}

_MODULE = re.compile(r"(?:/usr)?/lib/modules/(?P<release>[^/]+)/.*?(?P<name>[^/]+)\.ko(?:\.(?:xz|zst|gz))?")
_BUILTIN = re.compile(r"(?:/usr)?/lib/modules/[^/]+/modules\.builtin")
_VMLINUZ = re.compile(r"/boot/vmlinuz-.+|(?:/usr)?/lib/modules/[^/]+/vmlinuz")


def _is_library(name: str) -> bool:
    return name.startswith(("lib", "zlib1g"))


def _is_kernel_part(name: str) -> bool:
    return re.match(r"linux-(image-(unsigned-)?|modules-)\d", name) is not None


class TinyGuest:
    """Recipe of the guest that vmbench boots unless told otherwise."""

    name = "tiny"
    description = "busybox, an SSH server and a few megabytes: boots in a second or two"
    cmdline: tuple[str, ...] = (f"initcall_blacklist={','.join(SKIPPED_INITCALLS)}",)
    requirements = (
        Requirement(
            role="kernel",
            alternatives=(
                "linux-image-cloud-amd64",
                "linux-image-kvm",
                "linux-image-virtual",
                "linux-image-generic",
                "linux-image-amd64",
            ),
            follow=_is_kernel_part,
        ),
        Requirement(role="busybox", alternatives=("busybox-static",), follow=lambda name: False),
        Requirement(role="ssh", alternatives=("dropbear-bin",), follow=_is_library),
        Requirement(role="sftp", alternatives=("openssh-sftp-server",), follow=_is_library),
    )

    def fingerprint(self) -> str:
        """Digest of the recipe's version and of the guest's files."""
        digest = hashlib.sha256(f"tiny {VERSION} {MODULES} {sorted(DIRECTORIES.items())}\n".encode())
        for name, (path, permissions) in sorted(GUEST_FILES.items()):
            content = _guest_file(name)
            digest.update(f"{path} {permissions:o} {len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()

    def build(
        self,
        packages: Mapping[PackageFile, Path],
        folder: Path,
        report: Callable[[int, int, str], None],
    ) -> None:
        """Make ``kernel`` and ``initramfs`` in ``folder``."""
        steps = len(packages) + 2
        opened: list[Package] = []
        try:
            for index, (package, path) in enumerate(packages.items()):
                report(index, steps, f"unpacking {package.title}")
                opened.append(Package(path))
            report(len(packages), steps, "unpacking the kernel")
            contents = _Contents(opened)
            (folder / KERNEL).write_bytes(kernel.unpack(contents.first(_VMLINUZ, "a kernel")))
            report(len(packages) + 1, steps, "packing the initramfs")
            entries = [*_system(contents), *_modules(contents)]
            (folder / INITRAMFS).write_bytes(cpio.archive(cpio.with_parents(entries)))
        except (DebError, kernel.KernelError, CompressionError, ELFError) as error:
            raise BackendError(
                f"the tiny guest cannot be made: {error}",
                remedy="vmbench image build tiny (it fetches the packages' newest versions)",
            ) from error
        report(steps, steps, "done")


class _Contents:
    """The files of several packages as one tree; the first package that has a path wins."""

    def __init__(self, packages: Iterable[Package]) -> None:
        self._owner: dict[str, Package] = {}
        for package in packages:
            for name in package.names:
                self._owner.setdefault(name, package)

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or ``None`` if no package holds it."""
        try:
            return self._owner[name].read(name)
        except KeyError:
            return None

    def names(self, pattern: re.Pattern[str]) -> list[re.Match[str]]:
        return [match for name in self._owner if (match := pattern.fullmatch(name))]

    def first(self, pattern: re.Pattern[str], what: str) -> bytes:
        for match in self.names(pattern):
            content = self.read(match.group())
            assert content is not None
            return content
        raise BackendError(f"the tiny guest cannot be made: no package holds {what}")

    def program(self, *paths: str) -> bytes:
        for path in paths:
            content = self.read(path)
            if content is not None:
                return content
        raise BackendError(f"the tiny guest cannot be made: no package holds {paths[0]}")


@cache
def _guest_file(name: str) -> bytes:
    return (package_files("backends.images") / "guest" / name).read_bytes()


def _system(contents: _Contents) -> Iterable[cpio.Entry]:
    for path, permissions in DIRECTORIES.items():
        yield cpio.directory(path, permissions)
    yield cpio.char_device("/dev/console", 5, 1)
    yield cpio.char_device("/dev/null", 1, 3, 0o666)
    for name, (path, permissions) in GUEST_FILES.items():
        yield cpio.file(path, _guest_file(name), permissions)
    yield cpio.file("/etc/vmbench/wake", wake.program(), 0o755)
    yield cpio.fifo("/etc/vmbench/wake.in", 0o600)
    yield cpio.fifo("/etc/vmbench/wake.out", 0o600)
    yield cpio.symlink("/init", "bin/busybox")

    busybox = contents.program("/bin/busybox", "/usr/bin/busybox")
    yield cpio.file("/bin/busybox", busybox, 0o755)
    for applet in applets(busybox):
        yield cpio.symlink(f"/bin/{applet}", "busybox")
    for path in ("/sbin/init", "/sbin/reboot", "/sbin/poweroff", "/sbin/halt", "/usr/bin/env"):
        yield cpio.symlink(path, "/bin/busybox")

    dropbear = contents.program("/usr/sbin/dropbear")
    sftp = contents.program("/usr/lib/openssh/sftp-server", "/usr/lib/sftp-server")
    yield cpio.file("/usr/sbin/dropbear", dropbear, 0o755)
    yield cpio.file("/usr/lib/openssh/sftp-server", sftp, 0o755)
    yield cpio.symlink("/usr/lib/sftp-server", "openssh/sftp-server")
    yield cpio.symlink("/usr/libexec/sftp-server", "../lib/openssh/sftp-server")
    yield from _libraries(contents, (dropbear, sftp))


def applets(busybox: bytes) -> list[str]:
    """List the names under which a busybox can be called, from the table in its program.

    Raises:
        BackendError: the table is not there.
    """
    # The table is one run of NUL-terminated names in order, from "[" on.
    start = busybox.find(b"\0[\0[[\0") + 1
    if start == 0:
        raise BackendError("the tiny guest cannot be made: the busybox program has no table of applets")
    names: list[str] = []
    for name in busybox[start : start + 16384].split(b"\0"):
        if not re.fullmatch(rb"\[{1,2}|[a-z0-9_.-]+", name) or (names and name.decode() <= names[-1]):
            break
        names.append(name.decode())
    return [name for name in names if name not in ("busybox", "linuxrc", "init")]


def _libraries(contents: _Contents, programs: Iterable[bytes]) -> Iterable[cpio.Entry]:
    done: set[str] = set()
    queue = list(programs)
    while queue:
        elf = ELFFile(io.BytesIO(queue.pop()))
        for segment in elf.iter_segments():
            if isinstance(segment, InterpSegment):
                path = segment.get_interp_name()
                if path not in done:
                    done.update((path, PurePosixPath(path).name))
                    yield cpio.file(path, contents.program(path, f"/usr{path}"), 0o755)
            elif isinstance(segment, DynamicSegment):
                for tag in segment.iter_tags("DT_NEEDED"):
                    needed = str(tag.needed)  # type: ignore[attr-defined]  # tags of this kind have it
                    if needed not in done:
                        done.add(needed)
                        library = contents.program(*(f"{folder}/{needed}" for folder in LIBRARY_FOLDERS))
                        queue.append(library)
                        yield cpio.file(f"{LIBRARY_FOLDERS[0]}/{needed}", library, 0o755)


def _modules(contents: _Contents) -> Iterable[cpio.Entry]:
    paths: dict[str, str] = {}
    releases: set[str] = set()
    for match in contents.names(_MODULE):
        paths.setdefault(match["name"].replace("-", "_"), match.group())
        releases.add(match["release"])
    if len(releases) != 1:
        raise BackendError(
            f"the tiny guest cannot be made: modules of {len(releases)} kernels in the packages"
        )
    folder = f"/lib/modules/{releases.pop()}"
    builtin = {
        PurePosixPath(line).stem.replace("-", "_")
        for match in contents.names(_BUILTIN)
        for line in (contents.read(match.group()) or b"").decode().splitlines()
    }
    depends: dict[str, tuple[str, ...]] = {}
    queue = list(MODULES)
    while queue:
        name = queue.pop().replace("-", "_")
        if name in depends or name in builtin:
            continue
        if name not in paths:
            raise BackendError(f"the tiny guest cannot be made: the kernel has no driver {name}")
        module = contents.program(paths[name])
        if compression_of(module):
            module = decompress(module)
        module = kernel.without_signature(module)
        depends[name] = kernel.module_dependencies(module)[1]
        queue += depends[name]
        yield cpio.file(f"{folder}/{name}.ko", module)
    yield cpio.file(f"{folder}/modules.dep", modules_dep(depends).encode())


def modules_dep(depends: Mapping[str, Iterable[str]]) -> str:
    """Write the table that modprobe reads: each module with all it needs, what is needed last first.

    Dependencies that are not in ``depends`` are part of the kernel itself.
    """

    def needs(name: str, seen: list[str]) -> list[str]:
        for each in (each.replace("-", "_") for each in depends[name]):
            if each in depends:
                if each in seen:
                    seen.remove(each)
                seen.append(each)
                needs(each, seen)
        return seen

    return "".join(
        f"{name}.ko:{''.join(f' {each}.ko' for each in needs(name, []))}\n" for name in sorted(depends)
    )
