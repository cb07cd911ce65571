"""Claims of what counts as a definition in each language, where it stands and what it is called."""

from __future__ import annotations

import pytest

from tests.extract.reading import named, places, snippets

PYTHON = '''\
class Shop:
    """Sells."""

    @property
    def price(self):
        def inner():
            return 1
        return inner()

    class Shelf:
        async def fill(self): ...

if True:
    def late(): pass
'''

TYPESCRIPT = """\
export abstract class Shop<T> extends Base {
  static count = 0;
  price = () => 1;
  @log() sell(item: string): void { return; }
  abstract close(): void;
}
export const add = async (a: number) => a + 1;
namespace Deep.Inner { export function hidden() {} }
interface Point { x: number }
enum Color { Red }
exports.later = function () {};
Shop.prototype.open = function () {};
const api = { get() { return 1; }, put: () => 2 };
function* many() { function one() {} }
"""

JAVA = """\
@Deprecated
public class Shop {
    Shop() {}
    @Override public int price() { return 1; }
    abstract void close();
    interface Door { default void open() {} }
    enum Color { RED { void show() {} }; void hide() {} }
}
record Point(int x) { Point { } }
"""

GO = """\
package shop

// Shop sells.
type Shop struct { price int }
type (
    Door interface { Open() }
    Key struct{}
)
func (s *Shop[T]) Price(a int) int {
    double := func(x int) int { return 2 * x }
    return double(a)
}
func New() *Shop { return nil }
"""

RUST = """\
/// A shop.
#[derive(Debug)]
pub struct Shop { price: u8 }
impl<T> Door for shop::Shop<T> {
    #[inline]
    fn open(&self) {}
}
mod inner { pub fn hidden() {} }
trait Door { fn open(&self); fn close(&self) {} }
enum Color { Red }
macro_rules! twice { ($x:expr) => { $x + $x } }
"""

C = """\
struct point { int x; };
typedef struct { int y; } other;
enum color { RED };
static const char **name(struct point *p)
{
    return 0;
}
struct point *forward;
"""

CPP = """\
namespace a::b {
template <typename T>
class Shop : Base {
  int &price() const { return x; }
  virtual ~Shop() {}
  operator bool() const { return true; }
  enum class Color { Red };
  void declared();
};
}
template <class T> template <class U>
T &a::b::Shop<T>::sell(U u) { return u; }
bool operator<<(int a, int b) { return a; }
auto twice = [](int a) { return a + a; };
"""

EXPECTED = {
    "python": [
        ("class", "Shop", 1, 11),
        ("method", "Shop.price", 4, 8),
        ("function", "Shop.price.inner", 6, 7),
        ("class", "Shop.Shelf", 10, 11),
        ("method", "Shop.Shelf.fill", 11, 11),
        ("function", "late", 14, 14),
    ],
    "typescript": [
        ("class", "Shop", 1, 6),
        ("method", "Shop.price", 3, 3),
        ("method", "Shop.sell", 4, 4),
        ("function", "add", 7, 7),
        ("function", "Deep.Inner.hidden", 8, 8),
        ("interface", "Point", 9, 9),
        ("enum", "Color", 10, 10),
        ("function", "later", 11, 11),
        ("method", "Shop.open", 12, 12),
        ("method", "api.get", 13, 13),
        ("method", "api.put", 13, 13),
        ("function", "many", 14, 14),
        ("function", "many.one", 14, 14),
    ],
    "java": [
        ("class", "Shop", 1, 8),
        ("method", "Shop.Shop", 3, 3),
        ("method", "Shop.price", 4, 4),
        ("interface", "Shop.Door", 6, 6),
        ("method", "Shop.Door.open", 6, 6),
        ("enum", "Shop.Color", 7, 7),
        ("method", "Shop.Color.RED.show", 7, 7),
        ("method", "Shop.Color.hide", 7, 7),
        ("class", "Point", 9, 9),
        ("method", "Point.Point", 9, 9),
    ],
    "go": [
        ("struct", "Shop", 4, 4),
        ("interface", "Door", 6, 6),
        ("struct", "Key", 7, 7),
        ("method", "Shop.Price", 9, 12),
        ("function", "Shop.Price.double", 10, 10),
        ("function", "New", 13, 13),
    ],
    "rust": [
        ("struct", "Shop", 2, 3),
        ("impl", "shop.Shop", 4, 7),
        ("method", "shop.Shop.open", 5, 6),
        ("function", "inner.hidden", 8, 8),
        ("trait", "Door", 9, 9),
        ("method", "Door.close", 9, 9),
        ("enum", "Color", 10, 10),
        ("macro", "twice", 11, 11),
    ],
    "c": [
        ("struct", "point", 1, 1),
        ("struct", "other", 2, 2),
        ("enum", "color", 3, 3),
        ("function", "name", 4, 7),
    ],
    "cpp": [
        ("class", "a.b.Shop", 2, 9),
        ("method", "a.b.Shop.price", 4, 4),
        ("method", "a.b.Shop.~Shop", 5, 5),
        ("method", "a.b.Shop.operator bool", 6, 6),
        ("enum", "a.b.Shop.Color", 7, 7),
        ("method", "a.b.Shop.sell", 11, 12),
        ("function", "operator<<", 13, 13),
        ("function", "twice", 14, 14),
    ],
}
SOURCES = {"python": PYTHON, "typescript": TYPESCRIPT, "java": JAVA, "go": GO, "rust": RUST, "c": C, "cpp": CPP}


@pytest.mark.parametrize("language", sorted(SOURCES))
def test_every_definition_is_found_with_its_kind_name_and_lines(language: str) -> None:
    assert places(language, SOURCES[language]) == EXPECTED[language]


def test_javascript_finds_what_typescript_finds_in_the_same_text() -> None:
    text = "class A { x = () => 1; get y() { return 2 } }\nexport const f = function () {};\nlet g = class { };\n"
    assert places("javascript", text) == places("typescript", text) == places("tsx", text)


def test_a_header_that_holds_cpp_is_read_as_cpp() -> None:
    assert places("c", "namespace n {\nclass A {\n public:\n  int f() { return 1; }\n};\n}\n") == [
        ("class", "n.A", 2, 5),
        ("method", "n.A.f", 4, 4),
    ]


def test_the_enclosing_definition_is_the_parent() -> None:
    assert [row["parent_ordinal"] for row in snippets("python", PYTHON)] == [None, 0, 1, 0, 3, None]


def test_equal_names_in_one_file_are_told_apart_by_their_index() -> None:
    found = snippets("python", "def f(): pass\ndef f(): pass\nclass f: pass\n")
    assert [(row["kind"], row["duplicate_index"]) for row in found] == [("function", 0), ("function", 1), ("class", 0)]


def test_offsets_cut_the_definition_out_of_the_file() -> None:
    text = "# é\n@d\ndef f():\n    return 'é'\nx = 1\n".encode()
    row = named("python", text, "f")
    assert text[row["start_byte"] : row["end_byte"]].decode() == "@d\ndef f():\n    return 'é'"


@pytest.mark.parametrize(
    ("language", "text", "name", "signature"),
    [
        ("python", PYTHON, "Shop.price", "def price(self)"),
        ("python", "class A(\n    B,\n):\n    x = {}\n", "A", "class A( B, )"),
        ("typescript", TYPESCRIPT, "add", "const add = async (a: number) =>"),
        ("typescript", TYPESCRIPT, "Shop", "abstract class Shop<T> extends Base"),
        ("java", JAVA, "Shop.price", "@Override public int price()"),
        ("go", GO, "Shop.Price", "func (s *Shop[T]) Price(a int) int"),
        ("go", GO, "Shop", "type Shop struct"),
        ("rust", RUST, "shop.Shop.open", "fn open(&self)"),
        ("c", C, "name", "static const char **name(struct point *p)"),
        ("cpp", CPP, "a.b.Shop.sell", "template <class T> template <class U> T &a::b::Shop<T>::sell(U u)"),
    ],
)
def test_a_signature_is_the_declaration_on_one_line(language: str, text: str, name: str, signature: str) -> None:
    assert named(language, text, name)["signature"] == signature


@pytest.mark.parametrize(
    ("language", "text", "docstring"),
    [
        ("python", 'def f():\n    r"""One.\n\n    Two.\n    """\n', "One.\n\nTwo."),
        ("python", "# Said before.\n# And more.\n@d\ndef f(): pass\n", "Said before.\nAnd more."),
        ("python", "x = 1  # not of f\ndef f(): pass\n", None),
        ("python", "# License\n\ndef f(): pass\n", None),
        ("javascript", "/**\n * One.\n * @return two\n */\nexport const f = () => 1;\n", "One.\n@return two"),
        ("java", "class f {}\n", None),
        ("go", "package a\n\n// f does.\n//\n// More.\nfunc f() {}\n", "f does.\n\nMore."),
        ("rust", "/// One.\n#[inline]\n/// Two.\nfn f() {}\n", "One.\nTwo."),
        ("c", "/* One. */\nint f(void) { return 1; }\n", "One."),
    ],
)
def test_a_docstring_is_the_documentation_without_its_marks(language: str, text: str, docstring: str | None) -> None:
    assert named(language, text, "f")["docstring"] == docstring


@pytest.mark.parametrize(
    ("language", "text", "is_deprecated"),
    [
        ("python", "@typing.deprecated('x')\ndef f(): pass\n", True),
        ("python", "def f():\n    deprecated = 1\n", False),
        ("java", "@Deprecated class f { }\n", True),
        ("java", "/** @deprecated */\nclass f { }\n", True),
        ("javascript", "/** @deprecated */\nfunction f() {}\n", True),
        ("go", "package a\n\n// f is.\n//\n// Deprecated: use g.\nfunc f() {}\n", True),
        ("go", "package a\n\n// f is Deprecated: no.\nfunc f() {}\n", False),
        ("rust", '#[deprecated(since = "1")]\nfn f() {}\n', True),
        ("cpp", "[[deprecated]] int f() { return 1; }\n", True),
        ("c", "__attribute__((deprecated)) int f(void) { return 1; }\n", True),
        ("c", "int f(void) { return deprecated; }\n", False),
    ],
)
def test_each_language_marks_deprecation_its_own_way(language: str, text: str, is_deprecated: bool) -> None:
    assert named(language, text, "f")["is_deprecated"] is is_deprecated


@pytest.mark.parametrize(
    ("language", "text", "is_test"),
    [
        ("python", "def test_it(): pass\n", True),
        ("python", "def testimony(): pass\n", False),
        ("python", "class TestShop: pass\n", True),
        ("java", "class A { @Test void works() {} }\n", True),
        ("go", "package a\nfunc TestIt(t *testing.T) {}\n", True),
        ("go", "package a\nfunc Testify() {}\n", False),
        ("rust", "#[tokio::test]\nasync fn works() {}\n", True),
        ("cpp", "TEST_F(Shop, Sells) { EXPECT_EQ(1, 2); }\n", True),
    ],
)
def test_tests_are_known_by_name_or_mark(language: str, text: str, is_test: bool) -> None:
    assert snippets(language, text)[-1]["is_test"] is is_test


def test_a_lambda_that_is_given_a_name_is_no_more_than_its_statement() -> None:
    text = "import a\n\nf = lambda b: b\n\ndef g():\n    h = lambda: 1\n    return h\n"
    assert places("python", text) == [("function", "f", 3, 3), ("function", "g", 5, 7), ("function", "g.h", 6, 6)]


def test_a_function_under_a_blank_key_has_a_name_all_the_same() -> None:
    found = snippets("javascript", 'const keys = { Enter: () => 1, " ": () => 2, "": () => 3 };\n')
    assert [row["name"] for row in found] == ["Enter", "<anonymous>", "<anonymous>"]
