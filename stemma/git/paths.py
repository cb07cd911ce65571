"""Paths as text, and what a path alone says of its file: source, vendored, generated or minified; binary by its ending.

Which paths are left out altogether is decided in `ignore`; which language one is in, in `stemma.languages`.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SOURCE, VENDORED, GENERATED, MINIFIED = "source", "vendored", "generated", "minified"

# Folders that hold other people's code, wherever in the path they stand. After github-linguist's vendor.yml, less its
# names of single libraries; `dist` and the like hold what a build wrote.
VENDOR_FOLDERS = _words("""
    vendor vendored _vendor _vendored third_party third-party thirdparty 3rdparty external_libs extern externals
    node_modules bower_components jspm_packages site-packages dist-packages Godeps Carthage Pods
    .venv venv .yarn .bundle
""")
TOP_VENDOR_FOLDERS = _words("deps")  # deeper down it is as often a package of one's own
GENERATED_FOLDERS = _words("""
    dist __generated__ generated generated-sources generated_src .next .nuxt .svelte-kit .dart_tool
""")
MINIFIED_NAMES = re.compile(r"[.\-_](min|prod\.min|bundle)\.(js|mjs|cjs|css)$", re.IGNORECASE)
# After github-linguist's generated.rb, the part of it that a name tells.
GENERATED_NAMES = re.compile(
    r"_pb2(_grpc)?\.pyi?$"  # protocol buffers
    r"|\.pb(\.gw|\.validate)?\.(go|cc|h|cpp|c|dart|swift)$|\.pb-c\.[ch]$|_pb\.(js|d\.ts|ts|rb)$|_grpc_pb\.(js|d\.ts)$"
    r"|\.(g|freezed|gr|mocks|chopper|config)\.dart$"
    r"|\.(generated|gen|g|designer)\.(cs|go|ts|tsx|js|py|java|kt|rs|swift|rb|php)$"
    r"|^zz_generated.*\.go$|_(generated|gen|string)\.go$|_easyjson\.go$|^bindata\.go$|^wire_gen\.go$"
    r"|^moc_.*\.cpp$|^qrc_.*\.cpp$|^ui_.*\.h$"  # Qt
    r"|(\.yy|\.tab|\.lex)\.(c|cc|cpp|h)$|^lex\.yy\.c$"  # flex, bison
    r"|_wrap\.(c|cpp|cxx)$"  # SWIG
    r"|^(R|BuildConfig)\.java$|^parsetab\.py$",
    re.IGNORECASE,
)
BINARY_ENDINGS = _words("""
    png jpg jpeg gif bmp ico icns webp tif tiff psd avif heic pdf ps eps doc docx xls xlsx ppt pptx odt
    zip gz tgz bz2 xz zst 7z rar tar jar war ear whl egg deb rpm dmg iso apk ipa nupkg crate gem
    so dylib dll exe lib a o obj pdb pyc pyo pyd class dex wasm bin dat rdb aof node
    mp3 mp4 m4a ogg wav flac avi mov mkv webm ttf otf woff woff2 eot
    db sqlite sqlite3 mdb parquet arrow feather npy npz pkl pickle h5 hdf5 onnx pt pth safetensors gguf
    pack idx rev keystore jks p12 der mo
""")

_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")
_LITERAL_ESCAPE = re.compile(rb"\\(?=x[0-9a-f]{2})")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_QUOTED = re.compile(rb"\\([abtnvfr\"\\]|[0-7]{3})")
_QUOTES = dict(zip((b"a", b"b", b"t", b"n", b"v", b"f", b"r", b'"', b"\\"), b'\a\b\t\n\v\f\r"\\', strict=True))


def escape(path: bytes) -> str:
    r"""A path as text that Postgres can hold: bytes that are not UTF-8 become \xNN.

    So does a backslash that stands before something looking like \xNN, so that two paths never share one text.
    """
    path = _LITERAL_ESCAPE.sub(rb"\\x5c", path)
    text = path.decode("utf-8", "surrogateescape")
    return _NOT_UTF8.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)


def shown(path: os.PathLike[str] | str) -> str:
    """A path of this machine as text that can be printed and stored."""
    return escape(os.fsencode(path))


def unescape(path: str) -> bytes:
    """The bytes that `escape` was given."""
    return b"".join(
        bytes.fromhex(part) if position % 2 else part.encode() for position, part in enumerate(_ESCAPE.split(path))
    )


def unquote(path: str) -> str:
    """A path as git prints it under core.quotePath, as text in the form of `escape`."""
    if not path.startswith('"'):
        return path
    raw = _QUOTED.sub(lambda found: bytes([_QUOTES.get(found[1]) or int(found[1], 8)]), path[1:-1].encode("ascii"))
    return escape(raw)


@lru_cache(maxsize=65_536)
def _folder_category(folder: str) -> str:
    parts = folder.split("/")
    if parts[0] in TOP_VENDOR_FOLDERS or not VENDOR_FOLDERS.isdisjoint(parts):
        return VENDORED
    return SOURCE if GENERATED_FOLDERS.isdisjoint(parts) else GENERATED


def categorise(path: str) -> str:
    """What the path says of the file: vendored before minified before generated, else source."""
    folder, _, name = path.rpartition("/")
    category = _folder_category(folder)
    if category == VENDORED:
        return VENDORED
    if MINIFIED_NAMES.search(name):
        return MINIFIED
    return GENERATED if GENERATED_NAMES.search(name) else category


def is_binary_name(path: str) -> bool:
    """Whether the ending is one of files that are never text."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() in BINARY_ENDINGS if "." in name else False
