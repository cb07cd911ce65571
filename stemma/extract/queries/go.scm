(function_declaration name: (identifier) @name body: (block)) @function
(method_declaration receiver: (parameter_list (parameter_declaration type: (_) @owner)) name: (field_identifier) @name body: (block)) @method
(type_spec name: (type_identifier) @name type: (struct_type (field_declaration_list) @body)) @struct
(type_spec name: (type_identifier) @name type: (interface_type "{" @body)) @interface
(type_alias name: (type_identifier) @name type: (struct_type (field_declaration_list) @body)) @struct
(type_alias name: (type_identifier) @name type: (interface_type "{" @body)) @interface
(short_var_declaration left: (expression_list . (identifier) @name .) right: (expression_list . (func_literal) @value .)) @function
(var_spec name: (identifier) @name value: (expression_list . (func_literal) @value .)) @function
(assignment_statement left: (expression_list . [(identifier) (selector_expression)] @name .) right: (expression_list . (func_literal) @value .)) @function
(keyed_element . (literal_element (identifier) @name) . (literal_element (func_literal) @value) .) @function

((func_literal) @closure (#set! owner "function"))

(type_declaration . [(type_spec) (type_alias)] @wrapped .) @wrapper
(var_declaration . (var_spec value: (expression_list . (func_literal) .)) @wrapped .) @wrapper
(comment) @comment
