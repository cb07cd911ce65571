(function_declaration name: (identifier) @name) @function
(generator_function_declaration name: (identifier) @name) @function
(class_declaration name: (identifier) @name) @class
(method_definition name: (_) @name) @method
(field_definition property: (_) @name value: [(arrow_function) (function_expression) (generator_function)]) @method
(pair key: (_) @name value: [(arrow_function) (function_expression) (generator_function)]) @function
(variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)]) @function
(variable_declarator name: (identifier) @name value: (class)) @class
(assignment_expression left: [(identifier) (member_expression)] @name
  right: [(arrow_function) (function_expression) (generator_function)]) @function
(assignment_expression left: [(identifier) (member_expression)] @name right: (class)) @class

(variable_declarator name: (identifier) @name value: (object)) @scope.type
(assignment_expression left: [(identifier) (member_expression)] @name right: (object)) @scope.type
(pair key: (_) @name value: (object)) @scope.type

(lexical_declaration . (variable_declarator value: [(arrow_function) (function_expression) (generator_function) (class)]) @wrapped .) @wrapper
(variable_declaration . (variable_declarator value: [(arrow_function) (function_expression) (generator_function) (class)]) @wrapped .) @wrapper
(expression_statement (assignment_expression right: [(arrow_function) (function_expression) (generator_function) (class)]) @wrapped) @wrapper
(export_statement decorator: (decorator) declaration: (_) @wrapped) @wrapper
(comment) @comment
