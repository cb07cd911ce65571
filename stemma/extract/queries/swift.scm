(function_declaration name: _ @name body: (function_body) @body) @function
(init_declaration name: "init" @name body: (function_body) @body) @method
((deinit_declaration body: (function_body) @body) @method (#set! name "deinit"))
((subscript_declaration (computed_property) @body) @accessor (#set! name "subscript"))
(class_declaration declaration_kind: "struct" name: (type_identifier) @name body: (_) @body) @struct
(class_declaration declaration_kind: "enum" name: (type_identifier) @name body: (_) @body) @enum
(class_declaration declaration_kind: "extension" name: (_) @name body: (_) @body) @extension
(class_declaration name: (type_identifier) @name body: (_) @body) @class
(protocol_declaration name: (type_identifier) @name body: (_) @body) @protocol
(macro_declaration (simple_identifier) @name definition: (_)) @macro
(property_declaration name: (pattern bound_identifier: (simple_identifier) @name) computed_value: (computed_property) @body) @accessor
(property_declaration name: (pattern bound_identifier: (simple_identifier) @name) (willset_didset_block) @body) @accessor
(property_declaration name: (pattern bound_identifier: (simple_identifier) @name) value: (lambda_literal (statements)? @body) @value) @function
(assignment target: (directly_assignable_expression) @name result: (lambda_literal (statements)? @body) @value) @function

(call_expression (simple_identifier) @owner (call_suffix (lambda_literal (statements)? @body) @closure))
(call_expression (navigation_expression suffix: (navigation_suffix suffix: (simple_identifier) @owner)) (call_suffix (lambda_literal (statements)? @body) @closure))
(call_expression (simple_identifier) @owner (call_suffix (value_arguments (value_argument value: (lambda_literal (statements)? @body) @closure))))
(call_expression (navigation_expression suffix: (navigation_suffix suffix: (simple_identifier) @owner)) (call_suffix (value_arguments (value_argument value: (lambda_literal (statements)? @body) @closure))))
(lambda_literal (statements)? @body) @closure
[(comment) (multiline_comment)] @comment
