; Captures: @<kind> a definition, @name its name, @owner what qualifies it from outside, @scope.type and
; @scope.namespace what only qualifies, @wrapper/@wrapped a node that belongs to the definition inside it,
; @comment and @attribute what may stand before a definition.
(function_definition name: (identifier) @name) @function
(class_definition name: (identifier) @name) @class
(decorated_definition definition: (_) @wrapped) @wrapper
(comment) @comment
