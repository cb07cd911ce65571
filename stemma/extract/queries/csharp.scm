; A namespace is C#'s package and no part of a name, so that `namespace A;` and `namespace A { }` name alike.
(class_declaration name: (identifier) @name) @class
(record_declaration "struct" name: (identifier) @name) @struct
(record_declaration name: (identifier) @name) @class
(struct_declaration name: (identifier) @name) @struct
(interface_declaration name: (identifier) @name) @interface
(enum_declaration name: (identifier) @name) @enum
(method_declaration name: (identifier) @name body: (_) @body) @method
(constructor_declaration name: (identifier) @name body: (_) @body) @method
(destructor_declaration "~" @name name: (identifier) @name body: (_) @body) @method
(operator_declaration "operator" @name operator: _ @name body: (_) @body) @method
(conversion_operator_declaration "operator" @name type: (_) @name body: (_) @body) @method
(local_function_statement name: (identifier) @name body: (_) @body) @function
(property_declaration name: (identifier) @name accessors: (accessor_list (accessor_declaration body: (_))) @body) @accessor
(property_declaration name: (identifier) @name value: (arrow_expression_clause) @body) @accessor
((indexer_declaration accessors: (accessor_list (accessor_declaration body: (_))) @body) @accessor (#set! name "this[]"))
((indexer_declaration value: (arrow_expression_clause) @body) @accessor (#set! name "this[]"))
(event_declaration name: (identifier) @name accessors: (accessor_list (accessor_declaration body: (_))) @body) @accessor
(variable_declarator name: (identifier) @name [(lambda_expression body: (_) @body) (anonymous_method_expression (block) @body)] @value) @function
(assignment_expression left: [(identifier) (member_access_expression)] @name
  right: [(lambda_expression body: (_) @body) (anonymous_method_expression (block) @body)] @value) @function

(invocation_expression function: (_) @owner arguments: (argument_list (argument [(lambda_expression body: (_) @body) (anonymous_method_expression (block) @body)] @closure)))
(object_creation_expression type: (_) @owner arguments: (argument_list (argument [(lambda_expression body: (_) @body) (anonymous_method_expression (block) @body)] @closure)))
[(lambda_expression body: (_) @body) (anonymous_method_expression (block) @body)] @closure

(field_declaration (variable_declaration . type: (_) . (variable_declarator [(lambda_expression) (anonymous_method_expression)]) @wrapped .)) @wrapper
(local_declaration_statement (variable_declaration . type: (_) . (variable_declarator [(lambda_expression) (anonymous_method_expression)]) @wrapped .)) @wrapper
(expression_statement (assignment_expression right: [(lambda_expression) (anonymous_method_expression)]) @wrapped) @wrapper
(comment) @comment
