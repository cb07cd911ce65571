"""The languages Stemma reads, one row each: their files, their grammar's leaves, their marks of test and deprecation.

Cheap to import, for git asks it too: no grammar is loaded here. Which nodes are definitions is said by
`extract/queries/<language>.scm`; what the rows mean for the normal form, by `extract.normal_form`.

To add a language: a row at the end of `LANGUAGES`, whose grammar `tree_sitter_language_pack` has; its query, with the
captures listed at the head of `queries/python.scm`; and its tests: a suffix in `tests/test_languages.py`, a source
with its definitions in `tests/extract/test_definitions_by_language.py`, one with its facts in
`test_facts_by_language.py`, a function in `TEXTS` of `test_declaration.py` and of `test_normal_form.py`, and what only
it can break in `test_normal_form_by_language.py`. Nothing else names a language: ingestion, matching and the contracts
read this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as _field

EXTRACTOR_VERSION = "4"
"""Changes with anything that changes a row of `extract`; every blob is then read again."""

NUMBER, STRING, CHARACTER, BOOLEAN, PATTERN, TEXT = "0number", "0string", "0char", "0bool", "0regex", "0text"
SYMBOL = "0symbol"
NEVER = "(?!)"
"""Matches nothing."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _literals(**kinds: str) -> dict[str, str]:
    placeholders = {
        "number": NUMBER,
        "string": STRING,
        "char": CHARACTER,
        "bool": BOOLEAN,
        "regex": PATTERN,
        "text": TEXT,
        "symbol": SYMBOL,
    }
    return {node: placeholders[name] for name, nodes in kinds.items() for node in nodes.split()}


@dataclass(frozen=True)
class Language:
    """One language. Node types are tree-sitter's; marks are regular expressions."""

    name: str
    suffixes: dict[str, str]
    """Grammar of each file-name suffix (lower case)."""
    identifiers: frozenset[str]
    """Leaves that are renamed in order of first use."""
    literals: dict[str, str]
    """Nodes that become a placeholder of their type, with all they hold."""
    silent: frozenset[str]
    """Nodes that say nothing: comments and line continuations."""
    pieces: frozenset[str] = frozenset()
    """Nodes that only the exact tokens keep: the pieces of a string that may hold expressions, its quotes, formats."""
    markup: frozenset[str] = frozenset()
    """Literals whose blanks are layout: text between markup tags, the body of a macro."""
    interpolated: frozenset[str] = frozenset()
    """Strings that may hold expressions: a placeholder, then the expressions."""
    blocks: frozenset[str] = frozenset()
    """Nodes that layout alone delimits; they get braces."""
    statement_lists: frozenset[str] = frozenset()
    """Nodes whose children each end a statement, whether or not that is written."""
    terminated: frozenset[str] = frozenset()
    """Nodes that end a statement wherever they stand."""
    joined: frozenset[str] = frozenset()
    """Nodes that go on with the statement before them, on a line of their own or not."""
    kept_commas: frozenset[str] = frozenset()
    """Nodes in which a comma before the closing bracket has a meaning."""
    lost_in: frozenset[str] = frozenset()
    """Kinds no `function_definition` stands in: found there, the parser had lost its way in what is around it."""
    calls: dict[str, str] = _field(default_factory=dict)
    """Nodes that call -> the fields, from first to last, in which what they call is written.

    Where the grammar has no field for it, here and below: `1` is the first node inside, `<` what is written before.
    """
    decisions: frozenset[str] = frozenset()
    """Nodes that each add a way through; tokens, where no named node bears the name."""
    bindings: dict[str, str] = _field(default_factory=dict)
    """Nodes that bind names -> the field of the name or pattern; of members, those of `self` and `this` count."""
    member_bindings: dict[str, str] = _field(default_factory=dict)
    """Nodes that bind members of `self` or `this` only: an assignment, where variables are declared by others."""
    parameters: frozenset[str] = frozenset()
    """Nodes of one parameter, where no field called `parameters` leads to them."""
    parameter_lists: frozenset[str] = frozenset()
    """Nodes of a whole list of parameters, where no field leads to it; `(` where only brackets tell it."""
    returns: dict[str, str] = _field(default_factory=dict)
    """Nodes that declare what is returned -> the field it is in, or the token after which it stands.

    `<` is what is written before the name.
    """
    annotations: frozenset[str] = frozenset()
    """Nodes of one annotation, attribute or decorator."""
    raises: frozenset[str] = frozenset()
    """Nodes that name the exceptions a function declares."""
    initializers: frozenset[str] = frozenset()
    """Nodes before the braces of a constructor that are code, and part of its body."""
    imports: str = ""
    """Query patterns, joined to those of the definitions, that capture what is imported as @import."""
    modifiers: frozenset[str] = frozenset()
    """Words of a definition's head, outside brackets, that modify it."""
    lead_in: str = NEVER
    """What may stand between a leading comment and the definition's first byte."""
    deprecation_marks: str = NEVER
    """In the decorators, attributes or signature."""
    deprecation_notes: str = NEVER
    """In the docstring or leading comment."""
    test_names: str = NEVER
    """In the name; of a function without one, in what it is handed to, with a bracket after it: `it(`."""
    test_marks: str = NEVER
    """In the decorators, attributes or signature."""
    upgrades: tuple[str, str] | None = _field(default=None)
    """(regular expression, language): a file in which it is found is read as that language instead."""
    family: str = ""
    """The language that this one's files are rewritten from or to by little more than another suffix."""
    mixed_with: str = ""
    """The language in whose projects this one is written beside it, so that the two are alike as siblings are."""

    @property
    def grammars(self) -> frozenset[str]:
        return frozenset(self.suffixes.values())


def _suffixes(**grammars: str) -> dict[str, str]:
    return {suffix: grammar for grammar, suffixes in grammars.items() for suffix in suffixes.split()}


_C_LITERALS = _literals(
    number="number_literal",
    string="string_literal raw_string_literal system_lib_string",
    char="char_literal",
    bool="true false",
    text="preproc_arg",
)
_C_IDENTIFIERS = _words("identifier field_identifier type_identifier statement_identifier namespace_identifier")
_C_DEPRECATION = r"\[\[\s*(gnu::)?deprecated|__attribute__\s*\(\(\s*_*deprecated|__declspec\s*\(\s*deprecated"
_C_TESTS = r"^(test_\w*|TEST(_[A-Z]+)*|TYPED_TEST(_P)?|SCENARIO|BENCHMARK(_[A-Z]+)*)$"
_JS_IDENTIFIERS = _words(
    "identifier property_identifier private_property_identifier shorthand_property_identifier "
    "shorthand_property_identifier_pattern statement_identifier type_identifier"
)
_JS_LITERALS = _literals(number="number", string="string jsx_text", bool="true false", regex="regex")
_JS_SILENT = _words("comment html_comment hash_bang_line")
_JS_PIECES = _words("string_fragment escape_sequence `")
_JS_TERMINATED = _words(
    "expression_statement variable_declaration lexical_declaration return_statement throw_statement break_statement "
    "continue_statement debugger_statement do_statement import_statement export_statement type_alias_declaration "
    "function_signature"
)
_JS_DECISIONS = _words("if for while case catch && || ?? ternary_expression")
_JS_CALLS = {"call_expression": "function", "new_expression": "constructor"}
_JS_BINDINGS = {
    "variable_declarator": "name",
    "field_definition": "property",
    "public_field_definition": "name",
    "property_signature": "name",
    "enum_assignment": "name",
    "for_in_statement": "left",
    "catch_clause": "parameter",
}
_JS_MODIFIERS = _words(
    "async static get set export default const let var abstract declare public private protected readonly override"
)
_C_DECISIONS = _words("if for while case catch && || and or conditional_expression")
_JS_IMPORTS = """
(import_statement source: (string) @import)
(export_statement source: (string) @import)
(call_expression function: (import) arguments: (arguments . (string) @import))
((call_expression function: (identifier) @is arguments: (arguments . (string) @import)) (#eq? @is "require"))
"""
_C_IMPORTS = "(preproc_include path: (_) @import)"
_C_BINDINGS = {
    "declaration": "declarator",
    "field_declaration": "declarator",
    "enumerator": "name",
    "for_range_loop": "declarator",
}
_C_ANNOTATIONS = _words("attribute attribute_specifier ms_declspec_modifier")
_TS_RETURNS = dict.fromkeys(
    (
        "function_declaration",
        "generator_function_declaration",
        "function_expression",
        "generator_function",
        "arrow_function",
        "method_definition",
    ),
    "return_type",
)
_JS_EXPORT = r"export\s+(default\s+)?(declare\s+)?$"
_JS_TEST = r"^(test([_A-Z0-9]\w*)?|\w+[Tt]est)$|^(test|it|describe|suite|specify)\($"

LANGUAGES: dict[str, Language] = {
    language.name: language
    for language in (
        Language(
            name="python",
            suffixes=_suffixes(python=".py .pyi .pyw"),
            identifiers=_words("identifier"),
            literals=_literals(number="integer float", bool="true false"),
            silent=_words("comment line_continuation"),
            pieces=_words("string_start string_content string_end type_conversion format_specifier"),
            interpolated=_words("string"),
            blocks=_words("block"),
            statement_lists=_words("block module"),
            kept_commas=_words("tuple tuple_pattern subscript expression_list pattern_list"),
            calls={"call": "function"},
            decisions=_words("if elif for while except except* and or case_clause"),
            bindings={
                "assignment": "left",
                "named_expression": "name",
                "for_statement": "left",
                "as_pattern": "alias",
            },
            returns={"function_definition": "return_type"},
            annotations=_words("decorator"),
            imports="""
            (import_statement name: (dotted_name) @import)
            (import_statement name: (aliased_import name: (dotted_name) @import))
            (import_from_statement module_name: (_) @import)
            """,
            modifiers=_words("async staticmethod classmethod property abstractmethod"),
            deprecation_marks=r"@\s*[\w.]*[Dd]eprecat\w*",
            deprecation_notes=r"\.\.\s+deprecated::",
            test_names=r"^(test(_\w*|[A-Z0-9]\w*)?|Test([A-Z0-9_]\w*)?)$",
        ),
        Language(
            name="javascript",
            suffixes=_suffixes(javascript=".js .jsx .mjs .cjs"),
            identifiers=_JS_IDENTIFIERS,
            literals=_JS_LITERALS,
            silent=_JS_SILENT,
            pieces=_JS_PIECES,
            markup=_words("jsx_text"),
            interpolated=_words("template_string"),
            statement_lists=_words("class_body"),
            terminated=_JS_TERMINATED,
            calls=_JS_CALLS,
            decisions=_JS_DECISIONS,
            bindings=_JS_BINDINGS,
            member_bindings={"assignment_expression": "left"},
            annotations=_words("decorator"),
            imports=_JS_IMPORTS,
            modifiers=_JS_MODIFIERS,
            lead_in=_JS_EXPORT,
            deprecation_marks=r"@deprecated\b",
            deprecation_notes=r"@deprecated\b",
            test_names=_JS_TEST,
        ),
        Language(
            name="typescript",
            family="javascript",
            suffixes=_suffixes(
                typescript=".ts .mts .cts", tsx=".tsx"
            ),  # `<T>x`: a cast in one, an element in the other
            identifiers=_JS_IDENTIFIERS,
            literals=_JS_LITERALS,
            silent=_JS_SILENT,
            pieces=_JS_PIECES,
            markup=_words("jsx_text"),
            interpolated=_words("template_string template_literal_type"),
            statement_lists=_words("class_body interface_body object_type"),
            terminated=_JS_TERMINATED,
            calls=_JS_CALLS,
            decisions=_JS_DECISIONS,
            bindings=_JS_BINDINGS,
            member_bindings={"assignment_expression": "left"},
            returns=_TS_RETURNS,
            annotations=_words("decorator"),
            imports=_JS_IMPORTS,
            modifiers=_JS_MODIFIERS,
            kept_commas=_words("tuple_type"),
            lead_in=_JS_EXPORT,
            deprecation_marks=r"@deprecated\b",
            deprecation_notes=r"@deprecated\b",
            test_names=_JS_TEST,
        ),
        Language(
            name="java",
            suffixes=_suffixes(java=".java"),
            identifiers=_words("identifier type_identifier"),
            literals=_literals(
                number="decimal_integer_literal hex_integer_literal octal_integer_literal binary_integer_literal "
                "decimal_floating_point_literal hex_floating_point_literal",
                string="string_literal",
                char="character_literal",
                bool="true false",
            ),
            silent=_words("line_comment block_comment"),
            calls={
                "method_invocation": "object name",
                "object_creation_expression": "type",
                "explicit_constructor_invocation": "constructor",
            },
            decisions=_words("if for while case catch && || ternary_expression"),
            bindings={
                "variable_declarator": "name",
                "enhanced_for_statement": "name",
                "resource": "name",
                "catch_formal_parameter": "name",
                "enum_constant": "name",
            },
            returns={"method_declaration": "type"},
            annotations=_words("annotation marker_annotation"),
            raises=_words("throws"),
            imports="(import_declaration (scoped_identifier) @import)",
            modifiers=_words(
                "public protected private abstract static final default synchronized native strictfp transient "
                "volatile sealed"
            ),
            deprecation_marks=r"@(java\.lang\.)?Deprecated\b",
            deprecation_notes=r"@deprecated\b",
            test_names=r"^(Test[A-Z]\w*|\w+Tests?|test[A-Z_]\w*)$",
            test_marks=r"@([\w.]+\.)?(Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate)\b",
        ),
        Language(
            name="go",
            suffixes=_suffixes(go=".go"),
            identifiers=_words("identifier field_identifier type_identifier package_identifier label_name"),
            literals=_literals(
                number="int_literal float_literal imaginary_literal",
                string="interpreted_string_literal raw_string_literal",
                char="rune_literal",
                bool="true false",
            ),
            silent=_words("comment"),
            statement_lists=_words(
                "source_file statement_list field_declaration_list interface_type import_spec_list const_declaration "
                "var_declaration var_spec_list type_declaration"
            ),
            calls={"call_expression": "function"},
            decisions=_words("if for case && ||"),
            bindings={
                "short_var_declaration": "left",
                "var_spec": "name",
                "const_spec": "name",
                "field_declaration": "name",
                "range_clause": "left",
                "receive_statement": "left",
            },
            returns={"function_declaration": "result", "method_declaration": "result", "func_literal": "result"},
            imports="(import_spec path: (_) @import)",
            lead_in=r"^\s*type\s+$",
            deprecation_notes=r"(?m)^Deprecated: ",
            test_names=r"^(Test|Benchmark|Fuzz|Example)(?![a-z])\w*$",
        ),
        Language(
            name="rust",
            suffixes=_suffixes(rust=".rs"),
            identifiers=_words("identifier field_identifier type_identifier shorthand_field_identifier metavariable"),
            literals=_literals(
                number="integer_literal float_literal",
                string="string_literal raw_string_literal",
                char="char_literal",
                bool="boolean_literal",
            ),
            silent=_words("line_comment block_comment"),
            kept_commas=_words("tuple_expression tuple_pattern tuple_type token_tree token_tree_pattern"),
            calls={"call_expression": "function", "macro_invocation": "macro"},
            decisions=_words("if while for_expression match_arm && ||"),
            bindings={
                "let_declaration": "pattern",
                "let_condition": "pattern",
                "for_expression": "pattern",
                "const_item": "name",
                "static_item": "name",
                "field_declaration": "name",
                "enum_variant": "name",
            },
            returns={"function_item": "return_type", "closure_expression": "return_type"},
            annotations=_words("attribute_item"),
            imports="(use_declaration argument: (_) @import) (extern_crate_declaration name: (_) @import)",
            modifiers=_words("pub async const unsafe extern default"),
            deprecation_marks=r"#\[\s*deprecated\b",
            test_names=r"^test_\w*$",
            test_marks=r"#\[\s*(\w+\s*::\s*)*(test|rstest|test_case|bench|cfg\(test\))",
        ),
        Language(
            name="c",
            suffixes=_suffixes(c=".c .h"),
            identifiers=_C_IDENTIFIERS,
            literals=_C_LITERALS,
            silent=_words("comment \n"),
            markup=_words("preproc_arg"),
            lost_in=_words("function method struct enum"),
            calls={"call_expression": "function"},
            decisions=_C_DECISIONS,
            bindings=_C_BINDINGS,
            returns={"function_definition": "<"},
            annotations=_C_ANNOTATIONS,
            imports=_C_IMPORTS,
            modifiers=_words("static inline extern register _Noreturn"),
            deprecation_marks=_C_DEPRECATION,
            deprecation_notes=r"[@\\]deprecated\b",
            test_names=_C_TESTS,
            upgrades=(
                r"(?m)^\s*(class\s+\w+[^;()]*[{:]|namespace\b[^;]*\{|template\s*<|(public|private|protected)\s*:)",
                "cpp",
            ),
        ),
        Language(
            name="cpp",
            family="c",
            mixed_with="c",
            suffixes=_suffixes(cpp=".cc .cpp .cxx .c++ .hh .hpp .hxx .h++ .ipp .tpp .inl"),
            identifiers=_C_IDENTIFIERS,
            literals=_C_LITERALS,
            silent=_words("comment \n"),
            markup=_words("preproc_arg"),
            lost_in=_words("function method"),  # a class inside a function has methods
            calls={"call_expression": "function", "new_expression": "type"},
            decisions=_C_DECISIONS,
            bindings=_C_BINDINGS,
            returns={"function_definition": "<"},
            annotations=_C_ANNOTATIONS,
            raises=_words("throw_specifier"),
            initializers=_words("field_initializer_list"),
            imports=_C_IMPORTS,
            modifiers=_words(
                "static inline extern virtual explicit constexpr consteval friend override final noexcept template"
            ),
            deprecation_marks=_C_DEPRECATION,
            deprecation_notes=r"[@\\]deprecated\b",
            test_names=_C_TESTS,
        ),
        Language(
            name="csharp",
            suffixes=_suffixes(csharp=".cs .csx"),
            identifiers=_words("identifier implicit_parameter"),
            literals=_literals(
                number="integer_literal real_literal",
                string="string_literal verbatim_string_literal raw_string_literal",
                char="character_literal",
                bool="boolean_literal",
            ),
            silent=_words(
                "comment shebang_directive preproc_region preproc_endregion preproc_pragma preproc_nullable "
                "preproc_line"
            ),
            pieces=_words(
                'string_content escape_sequence interpolation_start interpolation_quote interpolation_format_clause "'
            ),
            interpolated=_words("interpolated_string_expression"),
            kept_commas=_words("array_rank_specifier"),
            calls={"invocation_expression": "function", "object_creation_expression": "type"},
            decisions=_words(
                "if for foreach while case catch && || ?? conditional_expression switch_expression_arm when_clause"
            ),
            bindings={
                "variable_declarator": "name",
                "foreach_statement": "left",
                "catch_declaration": "name",
                "property_declaration": "name",
                "enum_member_declaration": "name",
                "declaration_pattern": "name",
                "declaration_expression": "name",
            },
            parameters=_words("parameter implicit_parameter"),
            parameter_lists=_words("parameter_list"),
            returns={
                "method_declaration": "returns",
                "local_function_statement": "type",
                "operator_declaration": "type",
                "property_declaration": "type",
                "indexer_declaration": "type",
            },
            annotations=_words("attribute"),
            imports="(using_directive !name [(identifier) (qualified_name)] @import)",
            modifiers=_words(
                "public protected private internal abstract static readonly async virtual override sealed partial "
                "const extern unsafe volatile required file"
            ),
            deprecation_marks=r"\[\s*(System\.)?Obsolete\b",
            test_names=r"^(Test[A-Z]\w*|\w+Tests?)$",
            test_marks=r"\[\s*([\w.]+\.)?(Test|TestCase|TestMethod|Fact|Theory|DataTestMethod|TestFixture|TestClass)\b",
        ),
        Language(
            name="ruby",
            suffixes=_suffixes(ruby=".rb .rake .gemspec .ru"),
            identifiers=_words("identifier constant instance_variable class_variable global_variable hash_key_symbol"),
            literals=_literals(
                number="integer float rational complex",
                string="heredoc_beginning",
                char="character",
                bool="true false",
                regex="regex",
                symbol="simple_symbol delimited_symbol",
            ),
            silent=_words("comment ;"),
            pieces=_words('string_content escape_sequence heredoc_content heredoc_end "'),
            interpolated=_words("string bare_string subshell bare_symbol heredoc_body"),
            statement_lists=_words(
                "program body_statement block_body then else ensure begin do begin_block end_block "
                "parenthesized_statements"
            ),
            calls={"call": "receiver method"},
            decisions=_words(
                "if elsif unless while until for when in_clause rescue conditional if_modifier unless_modifier "
                "while_modifier until_modifier rescue_modifier && || and or"
            ),
            bindings={"assignment": "left", "operator_assignment": "left", "for": "pattern", "exception_variable": "1"},
            imports="""
            ((call !receiver method: (identifier) @is arguments: (argument_list . (string) @import))
              (#any-of? @is "require" "require_relative" "load"))
            """,
            modifiers=_words("private protected public private_class_method public_class_method module_function"),
            lead_in=r"^\s*(private|protected|public|private_class_method|public_class_method|module_function)\s+$",
            deprecation_marks=r"^\s*deprecate\b",
            deprecation_notes=r"@deprecated\b",
            test_names=r"^(test_\w*[?!]?|Test[A-Z]\w*|\w+(Test|Spec))$|^(test|it|describe|context|specify|scenario)\($",
        ),
        Language(
            name="php",
            suffixes=_suffixes(php=".php .phtml"),
            identifiers=_words("name variable_name"),
            literals={
                **_literals(number="integer float", string="string nowdoc", bool="boolean", text="text"),
                "null": "null",  # its case says nothing
            },
            silent=_words("comment php_tag php_end_tag"),
            pieces=_words('string_content escape_sequence heredoc_start heredoc_end " <<<'),
            markup=_words("text"),
            interpolated=_words("encapsed_string heredoc shell_command_expression"),
            calls={"arguments": "<"},
            decisions=_words(
                "if elseif for foreach while case_statement catch && || and or ?? conditional_expression "
                "match_conditional_expression"
            ),
            bindings={
                "assignment_expression": "left",
                "reference_assignment_expression": "left",
                "property_element": "name",
                "property_promotion_parameter": "name",
                "const_element": "1",
                "static_variable_declaration": "name",
                "catch_clause": "name",
                "enum_case": "name",
            },
            returns={
                "function_definition": "return_type",
                "method_declaration": "return_type",
                "anonymous_function": "return_type",
                "arrow_function": "return_type",
            },
            annotations=_words("attribute"),
            imports="""
            (namespace_use_declaration (namespace_use_clause . [(qualified_name) (name)] @import))
            (namespace_use_declaration (namespace_name) @import)
            [(include_expression (string) @import) (include_once_expression (string) @import)
             (require_expression (string) @import) (require_once_expression (string) @import)]
            """,
            modifiers=_words("abstract final public protected private static readonly"),
            deprecation_marks=r"#\[\s*\\?Deprecated\b",
            deprecation_notes=r"@deprecated\b",
            test_names=r"^(test([A-Z_]\w*)?|\w+Test(Case)?)$|^(test|it|describe)\($",
            test_marks=r"#\[\s*([\w\\]+\\)?Test\b",
        ),
        Language(
            name="kotlin",
            suffixes=_suffixes(kotlin=".kt .kts"),
            identifiers=_words("simple_identifier type_identifier interpolated_identifier label"),
            literals=_literals(
                number="integer_literal long_literal hex_literal bin_literal unsigned_literal real_literal",
                char="character_literal",
                bool="boolean_literal",
            ),
            silent=_words("line_comment multiline_comment shebang_line ;"),
            pieces=_words("string_content character_escape_seq"),
            interpolated=_words("string_literal"),
            statement_lists=_words("source_file statements class_body enum_class_body import_list"),
            terminated=_words("when_entry"),
            joined=_words("getter setter"),
            calls={"call_expression": "1", "constructor_invocation": "1"},
            decisions=_words(
                "if_expression for_statement while_statement do_while_statement when_entry catch_block "
                "conjunction_expression disjunction_expression elvis_expression"
            ),
            bindings={
                "variable_declaration": "1",
                "class_parameter": "1",
                "enum_entry": "1",
                "catch_block": "1",
            },
            parameters=_words("parameter class_parameter parameter_with_optional_type lambda_parameters"),
            parameter_lists=_words("function_value_parameters primary_constructor lambda_parameters"),
            returns={"function_declaration": ":", "anonymous_function": ":", "getter": ":"},
            annotations=_words("annotation"),
            imports="(import_header (identifier) @import)",
            modifiers=_words(
                "public private protected internal open abstract final sealed override data inner inline suspend "
                "operator infix tailrec external lateinit const companion vararg expect actual annotation"
            ),
            deprecation_marks=r"@(kotlin\.)?Deprecated\b",
            deprecation_notes=r"@deprecated\b",
            test_names=r"^(test[A-Z_]\w*|\w+Tests?|Test[A-Z]\w*)$",
            test_marks=r"@([\w.]+\.)?(Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate)\b",
        ),
        Language(
            name="swift",
            suffixes=_suffixes(swift=".swift"),
            identifiers=_words("simple_identifier type_identifier"),
            literals=_literals(
                number="integer_literal hex_literal oct_literal bin_literal real_literal",
                bool="boolean_literal",
                regex="regex_literal",
            ),
            silent=_words("comment multiline_comment shebang_line ;"),
            pieces=_words('line_str_text multi_line_str_text str_escaped_char raw_str_part raw_str_end_part " """'),
            interpolated=_words("line_string_literal multi_line_string_literal raw_string_literal"),
            statement_lists=_words("source_file statements class_body enum_class_body protocol_body computed_property"),
            calls={"call_expression": "1", "constructor_expression": "constructed_type"},
            decisions=_words(
                "if_statement guard_statement for_statement while_statement repeat_while_statement switch_entry "
                "catch_block ternary_expression conjunction_expression disjunction_expression nil_coalescing_expression"
            ),
            bindings={
                "property_declaration": "name",
                "for_statement": "item",
                "if_statement": "bound_identifier",
                "guard_statement": "bound_identifier",
                "while_statement": "bound_identifier",
                "enum_entry": "name",
            },
            member_bindings={"assignment": "target"},
            parameters=_words("parameter lambda_parameter"),
            parameter_lists=_words("( lambda_function_type_parameters"),
            returns={"function_declaration": "->", "subscript_declaration": "->", "lambda_function_type": "->"},
            annotations=_words("attribute"),
            imports="(import_declaration (identifier) @import)",
            modifiers=_words(
                "public private internal fileprivate open static final override mutating nonmutating async throws "
                "rethrows convenience required lazy weak indirect dynamic"
            ),
            deprecation_marks=r"@available\s*\([^)]*\bdeprecated\b",
            deprecation_notes=r"(?m)^- [Dd]eprecated\b",
            test_names=r"^(test([A-Z_]\w*)?|\w+Tests?)$",
            test_marks=r"@(Test|Suite)\b",
        ),
        Language(
            name="dart",
            suffixes=_suffixes(dart=".dart"),
            identifiers=_words("identifier type_identifier identifier_dollar_escaped"),
            literals=_literals(
                number="decimal_integer_literal decimal_floating_point_literal hex_integer_literal",
                bool="true false",
                symbol="symbol_literal",
            ),
            silent=_words("comment documentation_comment script_tag"),
            pieces=_words("escape_sequence \" ' \"\"\" ''' r\" r' r\"\"\" r'''"),
            interpolated=_words("string_literal"),
            kept_commas=_words("record_literal record_type record_pattern"),
            calls={"argument_part": "<", "new_expression": "1", "const_object_expression": "1"},
            decisions=_words(
                "if for while switch_statement_case switch_expression_case catch_clause conditional_expression "
                "if_null_expression logical_and_expression logical_or_expression"
            ),
            bindings={
                "initialized_variable_definition": "name",
                "initialized_identifier": "1",
                "static_final_declaration": "1",
                "for_loop_parts": "name",
                "catch_parameters": "1",
                "enum_constant": "name",
                "variable_pattern": "name",
            },
            parameters=_words("formal_parameter"),
            parameter_lists=_words("formal_parameter_list"),
            returns={"function_signature": "<", "getter_signature": "<", "operator_signature": "<"},
            annotations=_words("annotation"),
            initializers=_words("initializers"),
            imports="""
            (import_specification (configurable_uri) @import)
            (library_export (configurable_uri) @import)
            (part_directive (uri) @import)
            """,
            modifiers=_words("abstract static external factory const final late async base interface sealed covariant"),
            deprecation_marks=r"@[Dd]eprecated\b",
            deprecation_notes=r"@deprecated\b",
            test_names=r"^(test|testWidgets|group)\($",
        ),
    )
}

FAMILIES = {name: row.family for name, row in LANGUAGES.items() if row.family}
"""The language that stands for the family of another; any other language is a family of its own."""

_BY_SUFFIX = {suffix: (row.name, grammar) for row in LANGUAGES.values() for suffix, grammar in row.suffixes.items()}
_UNKNOWN = (None, None)


def language_of(path: str) -> str | None:
    """Name of the language a file is written in, by its name alone; None when Stemma does not read it."""
    return _BY_SUFFIX.get(_suffix(path), _UNKNOWN)[0]


def family_of(path: str) -> str | None:
    """Name of the languages that a file is rewritten between by little more than another suffix, as `language_of`."""
    language = language_of(path)
    return FAMILIES.get(language, language) if language is not None else None


def grammar_of(path: str) -> str | None:
    """Name of the grammar that parses the file; differs from the language's for dialects such as TSX."""
    return _BY_SUFFIX.get(_suffix(path), _UNKNOWN)[1]


def _suffix(path: str) -> str:
    """Like `PurePath.suffix`, in a twentieth of its time: histories name millions of paths."""
    name = path[path.rfind("/") + 1 :]
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""
