; `struct EXPORT a { }`: with a macro before its name, a type is parsed as a function without parameters
(function_definition type: [(struct_specifier !body) (union_specifier !body)] declarator: (identifier) @name) @struct
((function_definition (ERROR (identifier) @is) declarator: (identifier) @name) @struct (#any-of? @is "struct" "union"))
(function_definition declarator: (_) @name) @function
(struct_specifier name: (_) @name body: (_)) @struct
(union_specifier name: (_) @name body: (_)) @struct
(enum_specifier name: (_) @name body: (_)) @enum
(type_definition type: [(struct_specifier !name body: (_)) (union_specifier !name body: (_))] declarator: (_) @name) @struct
(type_definition type: (enum_specifier !name body: (_)) declarator: (_) @name) @enum
(comment) @comment
