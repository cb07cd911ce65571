; A signature and its body stand side by side: the body is the definition, the signature its head.
((method_signature (function_signature name: (identifier) @name)) @head . (function_body [(block) "=>"] @body) @method)
((method_signature (getter_signature name: (identifier) @name)) @head . (function_body [(block) "=>"] @body) @method)
((method_signature (setter_signature name: (identifier) @name)) @head . (function_body [(block) "=>"] @body) @method)
((method_signature (operator_signature "operator" @name . _ @name . (formal_parameter_list))) @head . (function_body [(block) "=>"] @body) @method)
((method_signature [
  (constructor_signature (identifier) @name . (formal_parameter_list))
  (factory_constructor_signature (identifier) @name . (formal_parameter_list))
  (constant_constructor_signature (identifier) @name . (formal_parameter_list))]) @head . (function_body [(block) "=>"] @body) @method)
(declaration [
  (constructor_signature (identifier) @name . (formal_parameter_list))
  (constant_constructor_signature (identifier) @name . (formal_parameter_list))
  (redirecting_factory_constructor_signature (identifier) @name . (formal_parameter_list))]) @method
((function_signature name: (identifier) @name) @head . (function_body [(block) "=>"] @body) @function)
((getter_signature name: (identifier) @name) @head . (function_body [(block) "=>"] @body) @function)
((setter_signature name: (identifier) @name) @head . (function_body [(block) "=>"] @body) @function)
(initialized_variable_definition name: (identifier) @name value: (function_expression body: (_) @body) @value) @function
(initialized_identifier (identifier) @name (function_expression body: (_) @body) @value) @function
(static_final_declaration (identifier) @name (function_expression body: (_) @body) @value) @function

(class_definition name: (identifier) @name body: (_) @body) @class
(class_definition (mixin_application_class (identifier) @name)) @class
(extension_type_declaration name: (identifier) @name body: (_)? @body) @class
(mixin_declaration (identifier) @name (class_body) @body) @mixin
(extension_declaration name: (identifier) @name body: (_) @body) @extension
(extension_declaration class: (_) @name body: (_) @body) @extension
(enum_declaration name: (identifier) @name body: (_) @body) @enum

((identifier) @owner . (selector (argument_part (arguments (argument (function_expression) @closure)))))
((selector (unconditional_assignable_selector (identifier) @owner)) . (selector (argument_part (arguments (argument (function_expression) @closure)))))
(named_argument (label (identifier) @owner) (function_expression) @closure)
(function_expression) @closure

(local_variable_declaration (initialized_variable_definition value: (function_expression)) @wrapped) @wrapper
[(comment) (documentation_comment)] @comment
(annotation) @attribute
