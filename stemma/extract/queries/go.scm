(function_declaration name: (identifier) @name body: (block)) @function
(method_declaration receiver: (parameter_list (parameter_declaration type: (_) @owner)) name: (field_identifier) @name body: (block)) @method
(type_spec name: (type_identifier) @name type: (struct_type)) @struct
(type_spec name: (type_identifier) @name type: (interface_type)) @interface
(short_var_declaration left: (expression_list . (identifier) @name .) right: (expression_list . (func_literal) .)) @function
(var_spec name: (identifier) @name value: (expression_list . (func_literal) .)) @function
(type_declaration . (type_spec) @wrapped .) @wrapper
(var_declaration . (var_spec value: (expression_list . (func_literal) .)) @wrapped .) @wrapper
(comment) @comment
