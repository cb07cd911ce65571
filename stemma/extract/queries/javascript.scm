(function_declaration name: (identifier) @name) @function
(generator_function_declaration name: (identifier) @name) @function
(class_declaration name: (identifier) @name) @class
(method_definition name: (_) @name) @method
(field_definition property: (_) @name value: [(arrow_function) (function_expression) (generator_function)] @value) @method
(pair key: (_) @name value: [(arrow_function) (function_expression) (generator_function)] @value) @function
(variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)] @value) @function
(variable_declarator name: (identifier) @name value: (class) @value) @class
(assignment_expression left: [(identifier) (member_expression)] @name
  right: [(arrow_function) (function_expression) (generator_function)] @value) @function
(assignment_expression left: [(identifier) (member_expression)] @name right: (class) @value) @class
(export_statement "default" @name value: [(arrow_function) (function_expression) (generator_function)] @value) @function
(export_statement "default" @name value: (class) @value) @class
(function_expression name: (identifier) @name) @function
(generator_function name: (identifier) @name) @function
(class name: (identifier) @name) @class

(variable_declarator name: (identifier) @name value: (object)) @scope.type
(assignment_expression left: [(identifier) (member_expression)] @name right: (object)) @scope.type
(pair key: (_) @name value: (object)) @scope.type

([(arrow_function) (function_expression) (generator_function)] @closure (#set! owner "function constructor"))

(lexical_declaration . (variable_declarator value: [(arrow_function) (function_expression) (generator_function) (class)]) @wrapped .) @wrapper
(variable_declaration . (variable_declarator value: [(arrow_function) (function_expression) (generator_function) (class)]) @wrapped .) @wrapper
(expression_statement (assignment_expression right: [(arrow_function) (function_expression) (generator_function) (class)]) @wrapped) @wrapper
(export_statement decorator: (decorator) declaration: (_) @wrapped) @wrapper
(comment) @comment
