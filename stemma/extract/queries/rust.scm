(function_item name: (_) @name) @function
(struct_item name: (_) @name) @struct
(union_item name: (_) @name) @struct
(enum_item name: (_) @name) @enum
(trait_item name: (_) @name) @trait
(macro_definition name: (_) @name ["{" "(" "["] @body) @macro
(impl_item type: (_) @name) @impl
(let_declaration pattern: (identifier) @name value: (closure_expression) @value) @function
(mod_item name: (_) @name body: (_)) @scope.namespace

(call_expression function: (_) @owner arguments: (arguments (closure_expression) @closure))
(closure_expression) @closure

[(line_comment) (block_comment)] @comment
(attribute_item) @attribute
