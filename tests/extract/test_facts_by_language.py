"""Claims of the facts of the languages whose grammars say least by fields; what holds in all is in `test_facts`."""

from __future__ import annotations

import pytest

from stemma.languages import LANGUAGES
from tests.extract.reading import blob
from tests.extract.test_facts import facts

SOURCES = {
    "csharp": """
using System.Linq;
class A {
  [Obsolete] public static async Task<int> f(int a, params string[] b) {
    int x = 1, y;
    foreach (var z in b) { if (z != null && a > 0) { this.G(z); } }
    var later = new List<int>();
    try { Console.WriteLine(x); } catch (E e) { later?.Clear(); }
    return a switch { 1 => H(), _ => 0 };
  }
}
""",
    "ruby": """
require 'set'
def f(a, b = 1, *c, d:, &e)
  x, @y = a, b
  z = Set.new(c) if a && b
  while z
    puts(x)
    d.each { |i| i.call }
  end
  begin
    a.b(1)
  rescue E => error
    c ||= 2
  end
end
""",
    "php": """<?php
use App\\Shop;
class A {
  public static function f(int $a, &...$b): int {
    $x = 1;
    [$y, $z] = g($a);
    foreach ($b as $i) { if ($i && $x) { $this->h($i); } elseif ($y) { Shop::open(); } }
    $this->w = new Shop($a);
    return $a ? match ($x) { 1 => 2, default => 3 } : 4;
  }
}
""",
    "kotlin": """
import a.b.C
class A {
  private suspend fun f(a: Int, vararg b: String = c): Int {
    val x = 1
    var (y, z) = g(a)
    for (i in b) { if (i && x) { this.h(i) } }
    b.map { it.trim() }
    return when (a) { 1 -> C(2); else -> x ?: 3 }
  }
}
""",
    "swift": """
import UIKit
class A {
  private static func f(a: Int, _ b: String...) throws -> Int {
    let x = 1
    guard let y = g(a) else { return 0 }
    for i in b { if i && x { self.h(i) } }
    b.map { $0.trim() }
    switch a { case 1: return y; default: return x ?? 2 }
  }
}
""",
    "dart": """
import 'a.dart';
class A {
  static Future<int> f(int a, {required String b, int c = 1}) async {
    var x = 1, y;
    for (final i in b) { if (i && x) { this.h(i); } }
    b.map((e) => e.trim());
    try { g(a); } catch (e) { new B(x); }
    switch (a) { case 1: return a ?? c; default: return 2; }
  }
}
""",
}

# Counted by hand, in this order: parameters, modifiers, calls, names bound, ways through, imports.
EXPECTED = {
    "csharp": (
        ["a", "b"],
        ["public", "static", "async"],
        ["this.G", "List", "Console.WriteLine", "later?.Clear", "H"],
        ["x", "y", "z", "later", "e"],
        1 + 5,  # foreach, if, &&, catch, one arm
        ["System.Linq"],
    ),
    "ruby": (
        ["a", "b", "c", "d", "e"],
        [],
        ["Set.new", "puts", "d.each", "i.call", "a.b"],
        ["x", "@y", "z", "error", "c"],
        1 + 4,  # if, &&, while, rescue
        ["set"],
    ),
    "php": (
        ["$a", "$b"],
        ["public", "static"],
        ["g", "$this->h", "Shop::open", "Shop"],
        ["$x", "$y", "$z", "$this->w"],
        1 + 6,  # foreach, if, &&, elseif, ?:, one arm
        ["App\\Shop"],
    ),
    "kotlin": (
        ["a", "b"],
        ["private", "suspend"],
        ["g", "this.h", "b.map", "it.trim", "C"],
        ["x", "y", "z", "i"],
        1 + 5,  # for, if, &&, one entry, ?:
        ["a.b.C"],
    ),
    "swift": (
        ["a", "b"],
        ["private", "static", "throws"],
        ["g", "self.h", "b.map", "$0.trim"],
        ["x", "y", "i"],
        1 + 6,  # guard, for, if, &&, one case, ??
        ["UIKit"],
    ),
    "dart": (
        ["a", "b", "c"],
        ["static", "async"],
        ["this.h", "b.map", "e.trim", "g", "B"],
        ["x", "y", "i", "e"],
        1 + 6,  # for, if, &&, catch, one case, ??
        ["a.dart"],
    ),
}


@pytest.mark.parametrize("language", sorted(SOURCES))
def test_the_facts_of_a_definition_are_those_a_reader_counts(language: str) -> None:
    found = facts(language, SOURCES[language])
    parameters, modifiers, calls, defines, complexity, imports = EXPECTED[language]
    assert found["parameters"] == parameters
    assert sorted(found["modifiers"]) == sorted(modifiers)
    assert found["calls"] == calls
    assert found["defines"] == defines
    assert found["complexity"] == complexity
    assert blob(language, SOURCES[language])["imports"] == imports


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_row_says_what_calls_decides_and_binds(language: str) -> None:
    row = LANGUAGES[language]
    assert row.calls
    assert row.decisions
    assert row.bindings
    assert row.imports
