(class_declaration name: (identifier) @name) @class
(record_declaration name: (identifier) @name) @class
(interface_declaration name: (identifier) @name) @interface
(annotation_type_declaration name: (identifier) @name) @interface
(enum_declaration name: (identifier) @name) @enum
(method_declaration name: (identifier) @name body: (block)) @method
(constructor_declaration name: (identifier) @name) @method
(compact_constructor_declaration name: (identifier) @name) @method
(variable_declarator name: (identifier) @name value: (lambda_expression) @value) @function
(enum_constant name: (identifier) @name body: (class_body)) @scope.type

((lambda_expression) @closure (#set! owner "name type"))

(local_variable_declaration . type: (_) . declarator: (variable_declarator value: (lambda_expression)) @wrapped .) @wrapper
(field_declaration declarator: (variable_declarator value: (lambda_expression)) @wrapped .) @wrapper
[(line_comment) (block_comment)] @comment
