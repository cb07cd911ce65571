; The captures of every language:
;   @<kind>                     a definition; where several patterns match one node, the first of the file counts
;   @name                       its name; several of them: the text from the first to the last
;   @owner                      what qualifies it where it is written; of a closure, what it is handed to
;   @body                       where its signature ends, when no field says so
;   @head                       a sibling before it that belongs to it, as a signature beside its body
;   @value                      a function or type that has its name from the definition, and is none of its own
;   @scope.type @scope.namespace  what only qualifies
;   @wrapper @wrapped           a node that belongs to the definition inside it
;   @comment @attribute         what may stand before a definition
;   @remark                     a string that says nothing but to its reader, as a docstring
;   @is                         what a predicate is about
; (#set! name "...") gives the name where the language writes none. A @closure is a definition from a size on;
; (#set! owner "...") names the fields of the call it is handed to, which say what it is called by.
(function_definition name: (identifier) @name) @function
(class_definition name: (identifier) @name) @class
(assignment left: [(identifier) (attribute)] @name right: (lambda) @value) @function

((lambda) @closure (#set! owner "function"))

(decorated_definition definition: (_) @wrapped) @wrapper
(block (string) @remark)
(comment) @comment
