"""Why a definition another reader found is not among Stemma's: rules over the syntax tree, the first that holds.

What the other readers find lives in `oracles`. A definition no rule holds for is `unexplained`, and is listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from tree_sitter import Node

from bench.definitions.oracles import ANONYMOUS, HOLDS, Tag
from stemma.extract.definitions import CLOSURE_NODES
from stemma.extract.grammars import Grammar


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TEXTS = ("comment", "string", "template", "regex", "heredoc", "text", "char_literal", "preproc_arg")
_BODIES = frozenset({"function_body", "class_body", "block", "arrow_expression_clause", "compound_statement"})
_DECLARATIONS = _words(
    "method_declaration function_declaration annotation_type_element_declaration function_signature method_signature "
    "abstract_method_signature function_signature_item field_declaration declaration method_elem class_specifier "
    "struct_specifier enum_specifier union_specifier delegate_declaration constructor_declaration "
    "template_declaration type_definition property_signature construct_signature call_signature"
)
_USES = _words(
    "call_expression member_access_expression invocation_expression object_creation_expression type_parameter "
    "type_parameter_list type_parameter_constraints_clause constructor_initializer variable_declaration for_statement "
    "lambda_parameters navigation_expression navigation_suffix call_suffix parameter class_parameter argument_list "
    "infix_expression user_type field_initializer value_argument generic_name indexing_suffix"
)
_ASSIGNMENTS = frozenset(
    {"pair", "variable_declarator", "assignment_expression", "augmented_assignment_expression", "field_definition"}
)
_NAMED_EXPRESSIONS = frozenset({"function_expression", "generator_function", "class"})
_KEYWORDS = frozenset(
    {
        "case",
        "catch",
        "delete",
        "if",
        "for",
        "while",
        "switch",
        "new",
        "extends",
        "as",
        "typeof",
        "else",
        "return",
        "function",
    }
)
_FUNCTIONS = _words(
    "function_expression arrow_function generator_function lambda_expression anonymous_function lambda_literal "
    "closure_expression func_literal lambda block do_block function anonymous_method_expression"
)


@dataclass
class Case:
    """One definition that was not found, in its file as the parser sees it."""

    tag: Tag
    grammar: Grammar
    text: bytes
    root: Node | None
    skipped: str | None
    """Why the file was not read at all."""
    spare: dict[int, list[tuple[str, str]]]
    """Name and group of Stemma's definitions that paired with none of the reader's, by the lines of their heads."""

    is_twice: bool
    """The reader has it on that line under another kind too, and that one was found."""

    @cached_property
    def line(self) -> bytes:
        lines = self.text.split(b"\n")
        return lines[self.tag.line - 1] if self.tag.line <= len(lines) else b""

    @cached_property
    def node(self) -> Node | None:
        """The leaf at the name, or at the line's first word where the name is not written there."""
        if self.root is None:
            return None
        name = re.escape(self.tag.name.encode().rpartition(b".")[2].rpartition(b"::")[2])
        found = re.search(rb"(?<![\w$])" + name + rb"(?![\w$])", self.line)
        column = found.start() if found else len(self.line) - len(self.line.lstrip())
        point = (self.tag.line - 1, column)
        return self.root.descendant_for_point_range(point, point)

    @cached_property
    def on_line(self) -> list[Node]:
        """All nodes that begin on the line."""
        found: list[Node] = []
        pending = [self.root] if self.root is not None else []
        while pending:
            node = pending.pop()
            if node.start_point.row == self.tag.line - 1:
                found.append(node)
            row = self.tag.line - 1
            pending.extend(child for child in node.children if child.start_point.row <= row <= child.end_point.row)
        return found

    @cached_property
    def above(self) -> list[Node]:
        """The leaf and all that holds it."""
        nodes: list[Node] = []
        node = self.node
        while node is not None:
            nodes.append(node)
            node = node.parent
        return nodes


def reason(case: Case) -> str:
    return next((name for name, holds in RULES if holds(case)), "unexplained")


def _not_read(case: Case) -> bool:
    return case.skipped is not None


def _in_comment_or_string(case: Case) -> bool:
    return any(word in node.type for node in case.above[:2] for word in _TEXTS)


def _known_as_another_kind(case: Case) -> bool:
    return any(name == case.tag.name for name, _ in case.spare.get(case.tag.line, ()))


def _known_by_another_name(case: Case) -> bool:
    return any(group == case.tag.group for _, group in case.spare.get(case.tag.line, ()))


def _twice(case: Case) -> bool:
    return case.is_twice


def _keyword(case: Case) -> bool:
    return case.tag.name in _KEYWORDS


def _object(case: Case) -> bool:
    """ctags takes every object literal with a name for a class."""
    holder = next((node for node in case.above[1:4] if node.type in _ASSIGNMENTS), None)
    value = None if holder is None else holder.child_by_field_name("value") or holder.child_by_field_name("right")
    return value is not None and value.type == "object"


def _alias(case: Case) -> bool:
    """A name given to something that is defined elsewhere."""
    holder = next((node for node in case.above[1:4] if node.type in _ASSIGNMENTS), None)
    value = None if holder is None else holder.child_by_field_name("value") or holder.child_by_field_name("right")
    return value is not None and value.type not in _FUNCTIONS | {"object", "class"}


def _type_without_a_name(case: Case) -> bool:
    return bool(ANONYMOUS.match(case.tag.name)) and case.tag.group == HOLDS


def _small_function_without_a_name(case: Case) -> bool:
    if not ANONYMOUS.match(case.tag.name):
        return False
    functions = (node for node in case.on_line if node.type in _FUNCTIONS)
    return all(node.descendant_count < CLOSURE_NODES for node in functions)


def _without_a_body(case: Case) -> bool:
    """The nearest declaration has none: abstract, external, forward, or of an interface."""
    declared = next((node for node in case.above[:8] if node.type in _DECLARATIONS), None)
    return declared is not None and not any(
        child.type in _BODIES or declared.field_name_for_child(position) == "body"
        for position, child in enumerate(declared.children)
    )


def _enum_constant(case: Case) -> bool:
    return any(node.type in ("enum_constant", "enum_entry", "enum_variant") for node in case.above[:3])


def _in_a_syntax_error(case: Case) -> bool:
    return any(node.is_error or node.is_missing for node in case.above)


def _macro_call(case: Case) -> bool:
    """What a call at the level of declarations becomes, only the preprocessor can say."""
    if case.grammar.language.name not in ("c", "cpp"):
        return False
    return any(node.type in ("call_expression", "macro_type_specifier", "preproc_arg") for node in case.above[:4])


def _second_name(case: Case) -> bool:
    """`a.b = function c() {}` is found as b, and the other reader has both."""
    return len(case.above) > 1 and case.above[1].type in _NAMED_EXPRESSIONS


def _computed_name(case: Case) -> bool:
    holder = next((node for node in case.above[1:6] if node.type in _ASSIGNMENTS), None)
    left = None if holder is None else holder.child_by_field_name("left")
    return left is not None and left.type == "subscript_expression"


def _use(case: Case) -> bool:
    if any(node.type in _USES for node in case.above[1:3]):
        return True
    holder = next((node for node in case.above[1:4] if node.type in _ASSIGNMENTS), None)
    value = None if holder is None else holder.child_by_field_name("right")
    is_read = value is None or value.type not in _FUNCTIONS or case.tag.group == HOLDS
    return is_read and any(node.type == "member_expression" for node in case.above[1:3])


def _misread(case: Case) -> bool:
    return case.grammar.language.name in ("c", "cpp") and case.root is not None and case.root.has_error


RULES: tuple[tuple[str, Callable[[Case], bool]], ...] = (
    ("the file was not read", _not_read),
    ("a keyword: not a definition", _keyword),
    ("counted twice by the other reader", _twice),
    ("found as a definition of another kind", _known_as_another_kind),
    ("found by another name", _known_by_another_name),
    ("a type without a name", _type_without_a_name),
    ("a function without a name, under the size of a closure", _small_function_without_a_name),
    ("in a comment or a string: not a definition", _in_comment_or_string),
    ("a constant of an enumeration: not a definition", _enum_constant),
    ("declared without a body", _without_a_body),
    ("made by a macro", _macro_call),
    ("an object literal: not a class", _object),
    ("another name of what is defined elsewhere", _alias),
    ("a second name of a definition", _second_name),
    ("a function put under a computed name", _computed_name),
    ("in a syntax error", _in_a_syntax_error),
    ("a call, a parameter or a type: not a definition", _use),
    ("taken for something else, in a file with syntax errors", _misread),
)
