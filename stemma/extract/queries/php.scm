; A namespace is PHP's package and no part of a name.
(function_definition name: (name) @name) @function
(class_declaration name: (name) @name) @class
(interface_declaration name: (name) @name) @interface
(trait_declaration name: (name) @name) @trait
(enum_declaration name: (name) @name) @enum
(method_declaration name: (name) @name body: (compound_statement)) @method
(property_declaration (property_element name: (variable_name) @name) (property_hook_list) @body) @accessor
(assignment_expression left: [(variable_name) (member_access_expression)] @name right: [(anonymous_function) (arrow_function)] @value) @function
(array_element_initializer . (string) @name . [(anonymous_function) (arrow_function)] @value .) @function
(assignment_expression left: (variable_name) @name right: (object_creation_expression (anonymous_class body: (_) @body))) @class

(function_call_expression function: (_) @owner arguments: (arguments (argument [(anonymous_function) (arrow_function)] @closure)))
(member_call_expression name: (_) @owner arguments: (arguments (argument [(anonymous_function) (arrow_function)] @closure)))
(scoped_call_expression name: (_) @owner arguments: (arguments (argument [(anonymous_function) (arrow_function)] @closure)))
[(anonymous_function) (arrow_function)] @closure

(expression_statement (assignment_expression right: [(anonymous_function) (arrow_function) (object_creation_expression (anonymous_class))]) @wrapped) @wrapper
(comment) @comment
