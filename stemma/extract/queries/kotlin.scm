(function_declaration receiver: (receiver_type (_) @owner) (simple_identifier) @name (function_body) @body) @method
(function_declaration (simple_identifier) @name (function_body) @body) @function
(class_declaration "interface" (type_identifier) @name [(class_body) (enum_class_body)]? @body) @interface
(class_declaration "enum" (type_identifier) @name [(class_body) (enum_class_body)]? @body) @enum
(class_declaration (type_identifier) @name [(class_body) (enum_class_body)]? @body) @class
(object_declaration (type_identifier) @name (class_body)? @body) @object
(companion_object (type_identifier) @name (class_body)? @body) @object
((companion_object (class_body)? @body) @object (#set! name "Companion"))
((secondary_constructor "{" @body) @method (#set! name "constructor"))
((anonymous_initializer "{" @body) @method (#set! name "init"))
(enum_entry (simple_identifier) @name (class_body)) @scope.type

; An accessor on a line of its own stands beside its property.
(property_declaration receiver: (receiver_type (_) @owner) (variable_declaration (simple_identifier) @name) [(getter (function_body) @body) (setter (function_body) @body)]) @accessor
(property_declaration (variable_declaration (simple_identifier) @name) [(getter (function_body) @body) (setter (function_body) @body)]) @accessor
((property_declaration (variable_declaration (simple_identifier) @name)) @head . [(getter) (setter)] @head . [(getter) (setter)] @accessor)
((property_declaration receiver: (receiver_type (_) @owner) (variable_declaration (simple_identifier) @name)) @head . [(getter (function_body) @body) (setter (function_body) @body)] @accessor)
((property_declaration (variable_declaration (simple_identifier) @name)) @head . [(getter (function_body) @body) (setter (function_body) @body)] @accessor)

(property_declaration (variable_declaration (simple_identifier) @name) [(lambda_literal (statements)? @body) (anonymous_function (function_body) @body)] @value) @function
(assignment (directly_assignable_expression) @name [(lambda_literal (statements)? @body) (anonymous_function (function_body) @body)] @value) @function

(call_expression (simple_identifier) @owner (call_suffix (annotated_lambda (lambda_literal (statements)? @body) @closure)))
(call_expression (navigation_expression (navigation_suffix (simple_identifier) @owner)) (call_suffix (annotated_lambda (lambda_literal (statements)? @body) @closure)))
(call_expression (simple_identifier) @owner (call_suffix (value_arguments (value_argument [(lambda_literal (statements)? @body) (anonymous_function (function_body) @body)] @closure))))
(call_expression (navigation_expression (navigation_suffix (simple_identifier) @owner)) (call_suffix (value_arguments (value_argument [(lambda_literal (statements)? @body) (anonymous_function (function_body) @body)] @closure))))
[(lambda_literal (statements)? @body) (anonymous_function (function_body) @body)] @closure
[(line_comment) (multiline_comment)] @comment
