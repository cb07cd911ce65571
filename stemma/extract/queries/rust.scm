(function_item name: (_) @name) @function
(struct_item name: (_) @name) @struct
(union_item name: (_) @name) @struct
(enum_item name: (_) @name) @enum
(trait_item name: (_) @name) @trait
(macro_definition name: (_) @name) @macro
(impl_item type: (_) @name) @scope.type
(mod_item name: (_) @name body: (_)) @scope.namespace
[(line_comment) (block_comment)] @comment
(attribute_item) @attribute
