"""Claims of the definitions of each language: kind, qualified name and signature in a small real-looking source.

What holds of all languages is claimed in `test_definitions`.
"""

from __future__ import annotations

import pytest

from tests.extract.reading import blob, named, places, snippets

CSHARP = """\
using System;
namespace Deep.Inner {
  /// <summary>Sells.</summary>
  [Obsolete("x"), Serializable]
  public abstract class Shop<T> : Base where T : new() {
    private int x = 1;
    public Func<int, int> Twice = a => a + a;
    public int Price { get { return x; } set => x = value; }
    public int Auto { get; set; } = 1;
    public int Next => x + 1;
    public int this[int i] { get { return i; } }
    public event EventHandler Sold { add { } remove { } }
    public Shop(int a) : base(a) { }
    ~Shop() { }
    public static Shop operator +(Shop a, Shop b) { return a; }
    public static implicit operator int(Shop a) => 1;
    [Test] public async Task<int> Sell<U>(U u, int b = 7) {
      int Local(int q) { return q; }
      var later = (int z) => { return z; };
      Func<int> now = delegate { return 1; };
      this.Click += (s, e) => { };
      return u;
    }
    abstract void None();
    void IDoor.Open() { }
    enum Color { Red = 1, Green }
  }
  record Point(int X, int Y) { }
  record struct Pair(int X);
  struct Key { }
  interface IDoor { void Open(); int Close() { return 1; } }
}
"""

RUBY = """\
# A shop.
module Deep::Inner
  # Sells.
  class Shop < Base
    attr_reader :price
    Point = Struct.new(:x) do
      def y = x + 1
    end
    def self.open(x, *y, k: 1, &b)
      x.each { |i| puts i }
    end
    class << self
      private def close?; end
    end
    define_method(:later) { |a| a }
    def ==(other)
      other.is_a?(Shop)
    end
    def price=(v)
      @price = v
    end
    add = ->(a) { a + 1 }
    SUB = lambda do |x| x end
    # @deprecated Use add.
    private def old(
      a,
      b
    )
      def inner; 1 end
    end
    Sub = Class.new do
      def k; 1; end
    end
  end
end
def Shop.new_one; end
def test_it; end
"""

PHP = """\
<html>
<?php
namespace App\\Shop;
/** Sells. */
#[Attr(1)]
abstract class Shop extends Base implements Door {
  use Sells;
  private ?int $p = 7;
  public function __construct(private int $x, ...$r) { $this->a = 'x'; }
  #[Test]
  public static function open(&$q = null): ?int { return self::close($q)['k']; }
  abstract function none();
  public string $name { get => $this->n; set(string $v) { $this->n = $v; } }
}
interface Door { function open(); }
trait Sells { function sell() {} }
enum Suit: string { case A = 'a'; public function label() { return 1; } }
function outer($a) { function inner() {} return $a; }
$add = fn($x) => $x + 1;
$this->handler = function () { return 1; };
$made = new class extends Base { function run() {} };
$map = ['k' => function () { return 2; }];
"""

KOTLIN = """\
package deep.inner

/** Sells. */
@Deprecated("x")
open class Shop<T>(val x: Int, private var y: String = "s") : Base(x) {
  companion object {
    fun make(): Shop = Shop(1)
  }
  companion object Named : Other {
    val q = 1
  }
  constructor(a: Int) : this(a, "b") { println(a) }
  init { println(1) }
  val price: Int get() = x + 1
  var cost: Int = 7
    get() { return field }
    private set(value) { field = value }
  val twice = { a: Int -> a + a }
  val half = fun(a: Int): Int { return a }
  suspend fun <R> T.sell(a: Int, vararg b: String): R? where T : X {
    fun local() = 1
    return null
  }
  operator fun plus(o: Shop): Shop = this
  inner class Inner
  enum class Color(val r: Int) {
    RED(1) {
      override fun show() {}
    },
    GREEN(2);
    fun hide() {}
  }
  abstract fun none()
}
fun List<Int>.shout(): Int { return 1 }
object Single { fun run() {} }
interface Door {
  fun open()
  fun close() { }
}
data class Point(val a: Int)
val String.size2: Int
  get() = length
@Test fun `works fine`() { a = 1 }
"""

SWIFT = """\
import Foundation
/// Sells.
@available(*, deprecated)
public final class Shop<T>: Base where T: X {
  var x = 1
  let twice = { (a: Int) -> Int in return a + a }
  var price: Int { return x + 1 }
  var cost: Int { get { return 1 } set(v) { x = v } }
  var seen: Int = 1 { willSet { } didSet { x = 2 } }
  init?(a: Int, _ b: String = "s") { super.init() }
  deinit { }
  subscript(i: Int) -> Int { return i }
  static func == (l: Shop, r: Shop) -> Bool { return true }
  @objc override class func sell<U>(item u: U, n: Int...) async throws -> Int? {
    func local() -> Int { 1 }
    return nil
  }
  enum Color: Int { case red = 1, green; func hide() {} }
}
struct Key { func open() {} }
extension Array.Inner: P where Element: E { mutating func more() {} }
protocol Door {
  func open()
  var isOpen: Int { get }
}
actor Clerk { }
func testFree(_ a: Int) { }
"""

DART = """\
library deep.inner;
/// Sells.
@deprecated
abstract class Shop<T> extends Base with Mix implements Door {
  final int x = 7;
  static var twice = (int a) => a + a;
  Shop(this.x, {required super.key, int y = 1}) : super(y) { print(1); }
  Shop.named(int a) : x = a;
  const Shop.fixed();
  factory Shop.make() { return Shop.named(1); }
  factory Shop.other() = Other;
  int get price => x + 1;
  set price(int v) { x = v; }
  operator ==(Object o) { return true; }
  operator [](int o) { return true; }
  /// Sells one.
  @override
  Future<int> sell<U>(U u, [int n = 1]) async {
    int local(int q) { return q; }
    var later = (int z) { return z; };
    return u;
  }
  void none();
  static void run() {}
}
mixin Mix on Base { void mixed() {} }
extension Loud on String { int get size => length; void shout() {} }
extension on List<int> { void sum() {} }
enum Color { red(1), green; const Color([this.r]); void hide() {} }
class Alias = A with B;
extension type Id(int i) { void show() {} }
int free(a, b) { return a; }
var top = () { return 1; };
get one => 1;
"""

EXPECTED = {
    "csharp": [
        (
            "class",
            "Shop",
            '[Obsolete("x"), Serializable] public abstract class Shop<T> : Base where T : new()',
        ),
        ("method", "Shop.Twice", "public Func<int, int> Twice = a =>"),
        ("accessor", "Shop.Price", "public int Price"),
        ("accessor", "Shop.Next", "public int Next"),
        ("accessor", "Shop.this[]", "public int this[int i]"),
        ("accessor", "Shop.Sold", "public event EventHandler Sold"),
        ("method", "Shop.Shop", "public Shop(int a) : base(a)"),
        ("method", "Shop.~Shop", "~Shop()"),
        ("method", "Shop.operator +", "public static Shop operator +(Shop a, Shop b)"),
        ("method", "Shop.operator int", "public static implicit operator int(Shop a)"),
        ("method", "Shop.Sell", "[Test] public async Task<int> Sell<U>(U u, int b = 7)"),
        ("function", "Shop.Sell.Local", "int Local(int q)"),
        ("function", "Shop.Sell.later", "var later = (int z) =>"),
        ("function", "Shop.Sell.now", "Func<int> now = delegate"),
        ("function", "Shop.Sell.Click", "this.Click += (s, e) =>"),
        ("method", "Shop.Open", "void IDoor.Open()"),
        ("enum", "Shop.Color", "enum Color"),
        ("class", "Point", "record Point(int X, int Y)"),
        ("struct", "Pair", "record struct Pair(int X)"),
        ("struct", "Key", "struct Key"),
        ("interface", "IDoor", "interface IDoor"),
        ("method", "IDoor.Close", "int Close()"),
    ],
    "ruby": [
        ("module", "Deep.Inner", "module Deep::Inner"),
        ("class", "Deep.Inner.Shop", "class Shop < Base"),
        ("class", "Deep.Inner.Shop.Point", "Point = Struct.new(:x) do"),
        ("method", "Deep.Inner.Shop.Point.y", "def y ="),
        ("method", "Deep.Inner.Shop.open", "def self.open(x, *y, k: 1, &b)"),
        ("method", "Deep.Inner.Shop.close?", "private def close?"),
        ("method", "Deep.Inner.Shop.later", "define_method(:later) { |a|"),
        ("method", "Deep.Inner.Shop.==", "def ==(other)"),
        ("method", "Deep.Inner.Shop.price=", "def price=(v)"),
        ("method", "Deep.Inner.Shop.add", "add = ->(a)"),
        ("method", "Deep.Inner.Shop.SUB", "SUB = lambda do |x|"),
        ("method", "Deep.Inner.Shop.old", "private def old( a, b )"),
        ("function", "Deep.Inner.Shop.old.inner", "def inner"),
        ("class", "Deep.Inner.Shop.Sub", "Sub = Class.new do"),
        ("method", "Deep.Inner.Shop.Sub.k", "def k"),
        ("method", "Shop.new_one", "def Shop.new_one"),
        ("function", "test_it", "def test_it"),
    ],
    "php": [
        ("class", "Shop", "#[Attr(1)] abstract class Shop extends Base implements Door"),
        ("method", "Shop.__construct", "public function __construct(private int $x, ...$r)"),
        ("method", "Shop.open", "#[Test] public static function open(&$q = null): ?int"),
        ("accessor", "Shop.name", "public string $name"),
        ("interface", "Door", "interface Door"),
        ("trait", "Sells", "trait Sells"),
        ("method", "Sells.sell", "function sell()"),
        ("enum", "Suit", "enum Suit: string"),
        ("method", "Suit.label", "public function label()"),
        ("function", "outer", "function outer($a)"),
        ("function", "outer.inner", "function inner()"),
        ("function", "add", "$add = fn($x) =>"),
        ("function", "handler", "$this->handler = function ()"),
        ("class", "made", "$made = new class extends Base"),
        ("method", "made.run", "function run()"),
        ("function", "k", "'k' => function ()"),
    ],
    "kotlin": [
        (
            "class",
            "Shop",
            '@Deprecated("x") open class Shop<T>(val x: Int, private var y: String = "s") : Base(x)',
        ),
        ("object", "Shop.Companion", "companion object"),
        ("method", "Shop.Companion.make", "fun make(): Shop"),
        ("object", "Shop.Named", "companion object Named : Other"),
        ("method", "Shop.constructor", 'constructor(a: Int) : this(a, "b")'),
        ("method", "Shop.init", "init"),
        ("accessor", "Shop.price", "val price: Int get()"),
        ("accessor", "Shop.cost", "var cost: Int = 7 get()"),
        ("method", "Shop.twice", "val twice = { a: Int ->"),
        ("method", "Shop.half", "val half = fun(a: Int): Int"),
        ("method", "Shop.T.sell", "suspend fun <R> T.sell(a: Int, vararg b: String): R? where T : X"),
        ("function", "Shop.T.sell.local", "fun local()"),
        ("method", "Shop.plus", "operator fun plus(o: Shop): Shop"),
        ("class", "Shop.Inner", "inner class Inner"),
        ("enum", "Shop.Color", "enum class Color(val r: Int)"),
        ("method", "Shop.Color.RED.show", "override fun show()"),
        ("method", "Shop.Color.hide", "fun hide()"),
        ("method", "List.shout", "fun List<Int>.shout(): Int"),
        ("object", "Single", "object Single"),
        ("method", "Single.run", "fun run()"),
        ("interface", "Door", "interface Door"),
        ("method", "Door.close", "fun close()"),
        ("class", "Point", "data class Point(val a: Int)"),
        ("accessor", "String.size2", "val String.size2: Int get()"),
        ("function", "works fine", "@Test fun `works fine`()"),
    ],
    "swift": [
        ("class", "Shop", "@available(*, deprecated) public final class Shop<T>: Base where T: X"),
        ("method", "Shop.twice", "let twice = { (a: Int) -> Int in"),
        ("accessor", "Shop.price", "var price: Int"),
        ("accessor", "Shop.cost", "var cost: Int"),
        ("accessor", "Shop.seen", "var seen: Int = 1"),
        ("method", "Shop.init", 'init?(a: Int, _ b: String = "s")'),
        ("method", "Shop.deinit", "deinit"),
        ("accessor", "Shop.subscript", "subscript(i: Int) -> Int"),
        ("method", "Shop.==", "static func == (l: Shop, r: Shop) -> Bool"),
        (
            "method",
            "Shop.sell",
            "@objc override class func sell<U>(item u: U, n: Int...) async throws -> Int?",
        ),
        ("function", "Shop.sell.local", "func local() -> Int"),
        ("enum", "Shop.Color", "enum Color: Int"),
        ("method", "Shop.Color.hide", "func hide()"),
        ("struct", "Key", "struct Key"),
        ("method", "Key.open", "func open()"),
        ("extension", "Array.Inner", "extension Array.Inner: P where Element: E"),
        ("method", "Array.Inner.more", "mutating func more()"),
        ("protocol", "Door", "protocol Door"),
        ("class", "Clerk", "actor Clerk"),
        ("function", "testFree", "func testFree(_ a: Int)"),
    ],
    "dart": [
        ("class", "Shop", "@deprecated abstract class Shop<T> extends Base with Mix implements Door"),
        ("method", "Shop.twice", "twice = (int a)"),
        ("method", "Shop.Shop", "Shop(this.x, {required super.key, int y = 1})"),
        ("method", "Shop.named", "Shop.named(int a) : x = a"),
        ("method", "Shop.fixed", "const Shop.fixed()"),
        ("method", "Shop.make", "factory Shop.make()"),
        ("method", "Shop.other", "factory Shop.other() = Other"),
        ("method", "Shop.price", "int get price"),
        ("method", "Shop.price", "set price(int v)"),
        ("method", "Shop.operator ==", "operator ==(Object o)"),
        ("method", "Shop.operator []", "operator [](int o)"),
        ("method", "Shop.sell", "Future<int> sell<U>(U u, [int n = 1]) async"),
        ("function", "Shop.sell.local", "int local(int q)"),
        ("function", "Shop.sell.later", "var later = (int z)"),
        ("method", "Shop.run", "static void run()"),
        ("mixin", "Mix", "mixin Mix on Base"),
        ("method", "Mix.mixed", "void mixed()"),
        ("extension", "Loud", "extension Loud on String"),
        ("method", "Loud.size", "int get size"),
        ("method", "Loud.shout", "void shout()"),
        ("extension", "List", "extension on List<int>"),
        ("method", "List.sum", "void sum()"),
        ("enum", "Color", "enum Color"),
        ("method", "Color.Color", "const Color([this.r])"),
        ("method", "Color.hide", "void hide()"),
        ("class", "Alias", "class Alias = A with B"),
        ("class", "Id", "extension type Id(int i)"),
        ("method", "Id.show", "void show()"),
        ("function", "free", "int free(a, b)"),
        ("function", "top", "top = ()"),
        ("function", "one", "get one"),
    ],
}
SOURCES = {"csharp": CSHARP, "ruby": RUBY, "php": PHP, "kotlin": KOTLIN, "swift": SWIFT, "dart": DART}


@pytest.mark.parametrize("language", sorted(SOURCES))
def test_every_definition_is_found_with_its_kind_name_and_signature(language: str) -> None:
    found = [(row["kind"], row["qualified_name"], row["signature"]) for row in snippets(language, SOURCES[language])]
    assert found == EXPECTED[language]


@pytest.mark.parametrize("language", sorted(SOURCES))
def test_the_source_is_read_without_an_error(language: str) -> None:
    assert blob(language, SOURCES[language])["status"] == "parsed"


@pytest.mark.parametrize(
    ("language", "name", "lines", "docstring"),
    [
        ("csharp", "Shop", (4, 27), "<summary>Sells.</summary>"),
        ("ruby", "Deep.Inner.Shop", (4, 34), "Sells."),
        ("ruby", "Deep.Inner.Shop.old", (25, 30), "@deprecated Use add."),
        ("php", "Shop", (5, 14), "Sells."),
        ("php", "Shop.open", (10, 11), None),
        ("kotlin", "Shop", (4, 34), "Sells."),
        ("kotlin", "Shop.cost", (15, 17), None),
        ("swift", "Shop", (3, 19), "Sells."),
        ("dart", "Shop.sell", (17, 22), "Sells one."),
    ],
)
def test_a_definition_has_its_lines_and_its_documentation(
    language: str, name: str, lines: tuple[int, int], docstring: str | None
) -> None:
    row = named(language, SOURCES[language], name)
    assert ((row["start_line"], row["end_line"]), row["docstring"]) == (lines, docstring)


@pytest.mark.parametrize(
    ("language", "deprecated", "tests"),
    [
        ("csharp", {"Shop"}, {"Shop.Sell"}),
        ("ruby", {"Deep.Inner.Shop.old"}, {"test_it"}),
        ("php", set(), {"Shop.open"}),
        ("kotlin", {"Shop"}, {"works fine"}),
        ("swift", {"Shop"}, {"testFree"}),
        ("dart", {"Shop"}, set()),
    ],
)
def test_deprecation_and_tests_are_marked_as_the_language_marks_them(
    language: str, deprecated: set[str], tests: set[str]
) -> None:
    rows = snippets(language, SOURCES[language])
    assert {row["qualified_name"] for row in rows if row["is_deprecated"]} == deprecated
    assert {row["qualified_name"] for row in rows if row["is_test"]} == tests


_ARGUMENTS = "(a, b, c, d, e, f)"
_CALLS = {
    "javascript": f"outer(function () {{ {f'g{_ARGUMENTS}; ' * 4} }})",
    "typescript": f"outer(() => {{ {f'g{_ARGUMENTS}; ' * 4} }})",
    "python": f"outer(lambda: {' + '.join([f'g{_ARGUMENTS}'] * 4)})\n",
    "java": f"class A {{ Object o = a.outer(() -> {{ {f'g{_ARGUMENTS}; ' * 4} }}); }}",
    "go": f"package a\nvar _ = a.outer(func() {{ {f'g{_ARGUMENTS}; ' * 4} }})\n",
    "rust": f"const A: u8 = outer(|| {{ {f'g{_ARGUMENTS}; ' * 4} }});",
    "cpp": f"auto a = b::outer([] {{ {f'g{_ARGUMENTS}; ' * 4} }});",
    "csharp": f"a.outer(() => {{ {f'g{_ARGUMENTS}; ' * 4} }});",
    "ruby": f"a.outer do |x|\n{f'  g{_ARGUMENTS}; ' * 4}\nend\n",
    "php": f"<?php $a->outer(function () {{ {f'g{_ARGUMENTS}; ' * 4} }});",
    "kotlin": f"val a = b.outer {{ x -> {f'g{_ARGUMENTS}; ' * 4} }}\n",
    "swift": f"let a = b.outer {{ x in {f'g{_ARGUMENTS}; ' * 4} }}\n",
    "dart": f"var a = b.outer(() {{ {f'g{_ARGUMENTS}; ' * 4} }});",
}


@pytest.mark.parametrize("language", sorted(_CALLS))
def test_a_large_function_without_a_name_is_called_after_what_it_is_handed_to(language: str) -> None:
    closures = [(row["qualified_name"], row["name"]) for row in snippets(language, _CALLS[language])][-1]
    assert closures == ("A.outer.<closure>" if language == "java" else "outer.<closure>", "<closure>")


@pytest.mark.parametrize("language", sorted(_CALLS))
def test_a_small_function_without_a_name_is_no_definition(language: str) -> None:
    small = _CALLS[language].replace(f"g{_ARGUMENTS}", "1")
    assert "closure" not in {row["kind"] for row in snippets(language, small)}


def test_a_closure_adds_nothing_to_the_names_inside_it_and_is_their_parent() -> None:
    text = f"describe('x', () => {{ function helper() {{}} {f'g{_ARGUMENTS}; ' * 4} }});"
    closure, helper = snippets("javascript", text)
    assert (closure["qualified_name"], closure["parent_ordinal"]) == ("describe.<closure>", None)
    assert (helper["kind"], helper["qualified_name"], helper["parent_ordinal"]) == ("function", "helper", 0)
    assert closure["is_test"]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("python", "double = lambda x: 2 * x\n", [("function", "double", 1, 1)]),
        ("python", "class A:\n    f = lambda self: 1\n", [("class", "A", 1, 2), ("method", "A.f", 2, 2)]),
        ("javascript", "export default function () {}\n", [("function", "default", 1, 1)]),
        ("javascript", "module.exports = function () {}\n", [("function", "exports", 1, 1)]),
        ("javascript", "class A { static #x = () => 1; }\n", [("class", "A", 1, 1), ("method", "A.#x", 1, 1)]),
        ("javascript", "f(function named() {})\n", [("function", "named", 1, 1)]),
        ("typescript", "const A = class B extends C {};\n", [("class", "A", 1, 1)]),
        ("java", "class A { Runnable r = () -> { };\n}\n", [("class", "A", 1, 2), ("method", "A.r", 1, 1)]),
        ("go", "package a\ntype A = struct{ n int }\n", [("struct", "A", 2, 2)]),
        ("go", "package a\nfunc f() {\n\ta.b = func() {}\n}\n", [("function", "f", 2, 4), ("method", "f.a.b", 3, 3)]),
        ("rust", "fn f() { let g = |x| x + 1; }\n", [("function", "f", 1, 1), ("function", "f.g", 1, 1)]),
        ("rust", "impl<'a> A for &'a [u8] {}\n", [("impl", "&'a [u8]", 1, 1)]),
        ("cpp", "void A<int>::f() {}\n", [("method", "A.f", 1, 1)]),
        ("cpp", "class API A : public B { int f() { return 1; } };\n", [("class", "A", 1, 1), ("method", "A.f", 1, 1)]),
        ("c", "struct API a { int x; };\n", [("struct", "a", 1, 1)]),
    ],
)
def test_what_has_a_name_only_from_where_it_is_put_has_that_name(
    language: str, text: str, expected: list[tuple[str, str, int, int]]
) -> None:
    assert places(language, text) == expected


LOST = """\
int first(void) {
  LOOP_BEGIN {
    one();
  LOOP_END

static int second(int a) {
  return a;
}
int third(void) { return 3; }
"""


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_a_function_the_parser_lost_inside_another_is_none_of_the_others(language: str) -> None:
    found = [(row["qualified_name"], row["parent_ordinal"]) for row in snippets(language, LOST)]
    assert found == [("first", None), ("second", None), ("third", None)]


def test_a_method_of_a_class_inside_a_function_keeps_both_names() -> None:
    text = "void f() {\n  struct A { int g() { return 1; } };\n}\n"
    assert [name for _, name, _, _ in places("cpp", text)] == ["f", "f.A", "f.A.g"]
