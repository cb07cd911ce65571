; `class EXPORT A { }`: with a macro before its name, a type is parsed as a function without parameters
(function_definition type: (class_specifier !body) declarator: (identifier) @name) @class
(function_definition type: [(struct_specifier !body) (union_specifier !body)] declarator: (identifier) @name) @struct
((function_definition (ERROR (identifier) @is) declarator: (identifier) @name) @struct (#any-of? @is "struct" "union"))
((function_definition (ERROR (identifier) @is) declarator: (identifier) @name) @class (#eq? @is "class"))
; `MACRO namespace a { }`: so is a namespace
((function_definition declarator: (identifier) @is (ERROR (identifier) @name)) @scope.namespace (#eq? @is "namespace"))
((function_definition declarator: (identifier) @is) @scope.namespace (#eq? @is "namespace"))
(function_definition declarator: (_) @name) @function
(struct_specifier name: (_) @name body: (_)) @struct
(union_specifier name: (_) @name body: (_)) @struct
(enum_specifier name: (_) @name body: (_)) @enum
(type_definition type: [(struct_specifier !name body: (_)) (union_specifier !name body: (_))] declarator: (_) @name) @struct
(type_definition type: (enum_specifier !name body: (_)) declarator: (_) @name) @enum
(class_specifier name: (_) @name body: (_)) @class
(init_declarator declarator: (identifier) @name value: (lambda_expression) @value) @function
(assignment_expression left: [(identifier) (field_expression)] @name right: (lambda_expression) @value) @function

(call_expression function: (_) @owner arguments: (argument_list (lambda_expression) @closure))
(lambda_expression) @closure

(namespace_definition name: (_) @name) @scope.namespace
(template_declaration [(function_definition) (class_specifier) (struct_specifier) (union_specifier) (template_declaration)] @wrapped) @wrapper
(declaration . type: (_) . (init_declarator value: (lambda_expression)) @wrapped .) @wrapper
(comment) @comment
